import { setTimeout as sleep } from "node:timers/promises";
import { type FaultProxy, type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Observer, observe } from "../sink/sink-fixture.ts";
import { messageIds, openWorker, outputs, type Worker, type WorkerOptions } from "./exactly-once-fixture.ts";
import { arrive, hold } from "./held-traffic.ts";
import { callsOf, drawn, isProgress, isPublish, nextOf } from "./staging-fixture.ts";

let server: NatsServer;
let observer: Observer;
let proxy: FaultProxy;

beforeAll(async () => {
  // Small messages: a stage takes several of them.
  server = await startNatsServer({ config: "max_payload: 16384" });
  observer = await observe(server.url);
  proxy = await startFaultProxy({ target: server.url });
}, 60_000);
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});

const LAST = 3;
/** The outputs of input 2 are several messages of fenced-msgid, and with `large` several parts of atomic. */
const modes = [
  { mode: "atomic", config: { allow_atomic: true }, table: { maxInFlight: 3 } },
  { mode: "fenced-msgid", config: {}, table: { soleWriter: false } },
] as const;
const kinds = [
  { outputs: "the same outputs each time", deterministic: true },
  { outputs: "other outputs each time", deterministic: false },
];
const rowsOf = (input: number): number => (input === 2 ? 4 : 1);
const TOTAL = 6;
const large = { region: "x".repeat(6000) };
const laws = modes.flatMap((mode) => kinds.map((kind) => ({ ...mode, ...kind })));
let pipelines = 0;

describe.each(laws)("in mode $mode with $outputs", ({ config, table, deterministic }) => {
  const open = (pipeline: string, options: WorkerOptions = {}, url = server.url): Promise<Worker> =>
    openWorker(url, { pipeline, deterministic, ackTimeoutMs: 60_000, ...table, ...options });
  const call = (name: string): string => (deterministic ? "" : name);
  const write = async (worker: Worker, name: string): Promise<void> => {
    if (nextOf(worker) <= LAST) await worker.write(drawn(nextOf(worker), LAST, rowsOf, call(name), large));
    await worker.flush();
  };
  /** Each output once, and those of an input of one run. Behind one another, where nothing was sent again. */
  const assertExact = async (inOrder: boolean): Promise<void> => {
    const found = (await outputs(observer)).map(({ note }) => note);
    const sorted = inOrder ? found : found.toSorted((one, other) => Number.parseFloat(one) - Number.parseFloat(other));
    callsOf(sorted, LAST, rowsOf);
    const ids = await messageIds(observer);
    expect(new Set(ids).size).toBe(ids.length);
  };

  beforeEach(async () => {
    await observer.api("STREAM.DELETE.OUT").catch(() => {});
    // Ids are forgotten at once: nothing may hang on them.
    await observer.createStream({ name: "OUT", allow_rollup_hdrs: true, duplicate_window: 100e6, ...config });
  });

  it.each([1, 2, 3])(
    "nothing of an older instance is stored behind %i newer claims, wherever it was held up",
    async (claims) => {
      for (let from = 1, isOver = false; !isOver; from++) {
        await observer.api("STREAM.PURGE.OUT");
        const pipeline = `p${++pipelines}`;
        const older = await open(pipeline, {}, proxy.url);
        using held = hold(proxy, isPublish, { from });
        const written = write(older, "a");
        isOver = await Promise.race([held.begun.then(() => false), written.then(() => true)]);
        written.catch(() => {});
        let newest = older;
        for (let claim = 1; claim <= claims; claim++) {
          if (newest !== older) await newest.sink.close();
          newest = await open(pipeline);
        }
        // A stage that it has found is finished at once.
        if (!deterministic) await newest.flush();
        const { last_seq } = await observer.stateOf("OUT");
        await arrive(server, observer, held.frames);
        expect((await observer.stateOf("OUT")).last_seq, `held from message ${from} on`).toBe(last_seq);
        await write(newest, "b");
        await arrive(server, observer, held.frames);
        await assertExact(true);
        await older.sink.close();
        await newest.sink.close();
      }
    },
  );

  it("what was sent again is stored once, whatever arrives of what was sent before, and however late", async () => {
    for (let from = 1, isOver = false; !isOver; from += 3) {
      await observer.api("STREAM.PURGE.OUT");
      const worker = await open(`p${++pipelines}`, { ackTimeoutMs: 50 }, proxy.url);
      using held = hold(proxy, isPublish, { from, most: 3 });
      await worker.write(drawn(1, LAST, rowsOf, call("a"), large));
      await expect.poll(() => worker.counters.rowsOut).toBe(TOTAL);
      await sleep(120);
      await arrive(server, observer, held.frames);
      await worker.flush();
      isOver = held.frames.length === 0;
      await assertExact(false);
      await worker.sink.close();
    }
  });

  it("who gets no answer does not take what a newer instance has written for its own", async () => {
    for (let from = 1, isOver = false; !isOver; from++) {
      await observer.api("STREAM.PURGE.OUT");
      const pipeline = `p${++pipelines}`;
      const older = await open(pipeline, {}, proxy.url);
      let seen = 0;
      let silence = (): void => {};
      const silent = new Promise<void>((resolve) => {
        silence = resolve;
      });
      using _watch = proxy.intercept("toTarget", (frame) => {
        if (isProgress(frame) && ++seen === from) {
          proxy.blackhole(true, "fromTarget");
          silence();
        }
        return "pass";
      });
      const written = write(older, "a");
      isOver = await Promise.race([silent.then(() => false), written.then(() => true)]);
      const end = written.catch((error: unknown) => error);
      const newer = await open(pipeline);
      await write(newer, "b");
      proxy.cut();
      proxy.blackhole(false, "fromTarget");
      if (!isOver) await expect(end).resolves.toMatchObject({ code: "FENCED" });
      await assertExact(true);
      await older.sink.close();
      await newer.sink.close();
    }
  });
});
