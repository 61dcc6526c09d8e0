import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Bench, openBench } from "./bench.js";
import type { Outcome } from "./contest/outcome.js";
import { printLane } from "./results/print-lane.js";
import { publish } from "./results/publish.js";
import { readRecord, saveRecord } from "./results/run-record.js";
import { decodeLane } from "./scenarios/decode.js";
import { encodeLane } from "./scenarios/encode.js";
import { latencyLane } from "./scenarios/latency.js";
import { memoryLane } from "./scenarios/memory.js";
import { metricsLane } from "./scenarios/metrics.js";
import { pipelineLane } from "./scenarios/pipeline.js";
import { scalingLane } from "./scenarios/scaling.js";
import { sinkLane } from "./scenarios/sink.js";
import { sourceLane } from "./scenarios/source.js";
import { startupLane } from "./scenarios/startup.js";
import { whereLane } from "./scenarios/where.js";

/** THE list of lanes. */
const lanes: Readonly<Record<string, (bench: Bench) => Promise<Outcome[]>>> = {
  decode: decodeLane,
  encode: encodeLane,
  source: sourceLane,
  sink: sinkLane,
  pipeline: pipelineLane,
  where: whereLane,
  scaling: scalingLane,
  metrics: metricsLane,
  latency: latencyLane,
  startup: startupLane,
  memory: memoryLane,
};

const PROFILES = fileURLToPath(new URL("../profiles", import.meta.url));

const USAGE = `node dist/main.js [--short] [--turns N] [--save] [--profile] [lane…]
  lanes: ${Object.keys(lanes).join(", ")}; all when none is named
  --short    few turns and small payloads, held to the CI floors (apps/bench/src/floors.ts); exit code 1 below one
  --turns N  counted turns per race
  --save     puts the lanes into the reference run: results/reference.json, its page, and the README's table
  --profile  CPU profiles of every process, into apps/bench/profiles`;

const { values, positionals } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    turns: { type: "string" },
    save: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((lane) => lanes[lane] === undefined);
if (values.help || unknown.length > 0) {
  console.error(unknown.length > 0 ? `no lane is called ${unknown.join(", ")}\n${USAGE}` : USAGE);
  process.exit(values.help ? 0 : 2);
}

let missed = 0;
await using bench = await openBench({
  short: values.short,
  turns: values.turns === undefined ? undefined : Number(values.turns),
  profileTo: values.profile ? PROFILES : undefined,
});
for (const [name, run] of Object.entries(lanes)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const startedAt = performance.now();
  const outcomes = await run(bench);
  const seconds = (performance.now() - startedAt) / 1000;
  // At once: a later lane may fail.
  if (values.save) saveRecord(name, { outcomes, seconds }, bench.serverVersion);
  missed += printLane(name, outcomes, values.short ? "ci" : "goal");
  console.log(`${name} took ${Math.round(seconds)} s`);
}
if (values.save) publish(readRecord());
if (missed > 0 && values.short) process.exitCode = 1;
