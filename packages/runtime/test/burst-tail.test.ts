import { setTimeout as sleep } from "node:timers/promises";
import {
  memoryCheckpoints,
  type SourceCollector,
  type SourceContext,
  type SourceFinish,
  type SourceOperator,
} from "@x/connector-api";
import { expect, test } from "vitest";
import { startPipeline } from "../src/index.js";
import { RecordingSink } from "./recording-sink.js";

/** Gives bursts that fill no batch, then nothing, until it is drained; no checkpoint comes to help. */
function burstSource(bursts: readonly number[], pauseMs: number): SourceOperator {
  return {
    name: "bursts",
    open: async () => {},
    async run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish> {
      collector.initialize<number>({
        decoder: { decode: (payload, rows) => void rows.push({ n: payload.length }) },
        badData: { behavior: "fail" },
        metadata: [],
        describe: String,
      });
      const split = collector.split<number>("0");
      for (const size of bursts) {
        for (let n = 1; n <= size; n++) split.collect(new Uint8Array(n), n, n);
        await sleep(pauseMs);
      }
      while (!context.drain.aborted) await sleep(5);
      collector.flush();
      return "graceful";
    },
    snapshot: () => new Map(),
    checkpointCompleted: async () => {},
    close: async () => {},
  };
}

test.each([
  ["an idle sink", 0],
  ["a sink that is busy with the rows before", 60],
])("the tail of a burst is not held back: %s", { retry: 2 }, async (_name, busyMs) => {
  const sink = new RecordingSink();
  let doneAt = 0;
  sink.beforeBatch = async () => {
    if (busyMs > 0) await sleep(busyMs);
    doneAt = performance.now();
  };
  const source = burstSource([1001, 7], 10);
  const checkpoints = memoryCheckpoints();
  const pipeline = startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 60_000 });
  await expect.poll(() => sink.written.length, { interval: 5 }).toBe(1008);
  // Three batches at most: the full one, its tail and the second burst, each as soon as the sink took the one before.
  expect(performance.now() - doneAt).toBeLessThan(200);
  pipeline.drain();
  expect(await pipeline.finished).toMatchObject({ exitCode: 0, rowsIn: 1008 });
});
