import type { Entrant, OpenEntrant } from "./entrant.js";
import type { Answer, Request } from "./entrant-messages.js";

/** THE list of entrants. Each is loaded only in its own process. */
const entrants: Readonly<Record<string, () => Promise<OpenEntrant>>> = {
  "floor source": async () => (await import("../baselines/floor.js")).floorSource,
  "floor sink": async () => (await import("../baselines/floor.js")).floorSink,
  "floor pipeline": async () => (await import("../baselines/floor.js")).floorPipeline,
  "skilled source": async () => (await import("../baselines/skilled.js")).skilledSource(await client("v2")),
  "skilled sink": async () => (await import("../baselines/skilled.js")).skilledSink(await client("v2")),
  "skilled pipeline": async () => (await import("../baselines/skilled.js")).skilledPipeline(await client("v2")),
  "naive source": async () => (await import("../baselines/naive.js")).naiveSource(await client("v2")),
  "naive sink": async () => (await import("../baselines/naive.js")).naiveSink(await client("v2")),
  "naive pipeline": async () => (await import("../baselines/naive.js")).naivePipeline(await client("v2")),
  "skilled-v3 source": async () => (await import("../baselines/skilled.js")).skilledSource(await client("v3")),
  "skilled-v3 sink": async () => (await import("../baselines/skilled.js")).skilledSink(await client("v3")),
  "skilled-v3 pipeline": async () => (await import("../baselines/skilled.js")).skilledPipeline(await client("v3")),
  "naive-v3 source": async () => (await import("../baselines/naive.js")).naiveSource(await client("v3")),
  "naive-v3 sink": async () => (await import("../baselines/naive.js")).naiveSink(await client("v3")),
  "naive-v3 pipeline": async () => (await import("../baselines/naive.js")).naivePipeline(await client("v3")),
  "libnats sink": async () => (await import("../baselines/native-sink.js")).nativeSink("libnats"),
  "nats.go sink": async () => (await import("../baselines/native-sink.js")).nativeSink("nats.go"),
  "async-nats sink": async () => (await import("../baselines/native-sink.js")).nativeSink("async-nats"),
  "ours source": async () => (await import("../ours/source.js")).ourSource,
  "ours sink": async () => (await import("../ours/sink.js")).ourSink,
  "ours sink operator": async () => (await import("../ours/operator-sink.js")).ourSinkOperator,
  "ours by hand": async () => (await import("../ours/by-hand.js")).ourPipelineByHand,
  "ours processes": async () => (await import("../ours/processes.js")).ourProcesses,
  "ours pipeline": async () => (await import("../ours/pipeline.js")).ourPipeline,
};

async function client(version: "v2" | "v3") {
  return version === "v2"
    ? (await import("../baselines/client-v2.js")).openSession
    : (await import("../baselines/client-v3.js")).openSession;
}

let entrant: Entrant | undefined;

async function answer(request: Request): Promise<Answer> {
  if (request.kind === "open") {
    const load = entrants[request.job.entrant];
    if (load === undefined) throw new Error(`no entrant is called "${request.job.entrant}"`);
    entrant = await (await load())(request.job);
    return { kind: "ready" };
  }
  if (request.kind === "memory") return { kind: "memory", bytes: memoryAfterCollection() };
  if (entrant === undefined) throw new Error("a turn before open");
  const work = await entrant.prepare(request.turn);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const own = await work();
  if (own !== undefined) return { kind: "done", ...own };
  const ms = performance.now() - startedAt;
  const used = process.cpuUsage(cpu);
  return { kind: "done", ms, cpuMs: (used.user + used.system) / 1000 };
}

/** What is still held after a forced collection: objects, and buffers outside the heap. */
function memoryAfterCollection(): number {
  // Twice: what finalizers let go of in the first is collected in the second.
  for (let i = 0; i < 2; i++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

process.on("message", (request: Request) => {
  answer(request).then(
    (given) => process.send?.(given),
    (error: unknown) => process.send?.({ kind: "failed", message: String((error as Error).stack ?? error) }),
  );
});
// The runner is done with it: end in good order, so that a CPU profile is written.
process.on("disconnect", () => {
  const end = (): never => process.exit(0);
  if (entrant === undefined) end();
  else entrant.close().then(end, end);
});
