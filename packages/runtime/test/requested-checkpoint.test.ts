import {
  ConnectorError,
  memoryCheckpoints,
  type SourceCollector,
  type SourceContext,
  type SourceFinish,
} from "@x/connector-api";
import { expect, test } from "vitest";
import { startPipeline } from "../src/index.js";
import { CountingSource } from "./counting-source.js";
import { RecordingSink } from "./recording-sink.js";

/** Asks for checkpoints while its first ones are under way, then goes on as its parent. */
class AskingSource extends CountingSource {
  readonly settled: string[] = [];

  override async run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish> {
    await super.run(context, collector);
    const ask = (name: string): Promise<void> | undefined =>
      context.requestCheckpoint?.().then(() => void this.settled.push(name));
    await Promise.all([ask("first"), ask("second"), ask("third")]);
    throw new ConnectorError("BAD_DATA", "the end");
  }
}

test("a checkpoint asked for is durable before the source fails, and askers share the one that waits", async () => {
  const source = new AskingSource(500);
  const sink = new RecordingSink();
  const checkpoints = memoryCheckpoints();
  const pipeline = startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 60_000 });
  expect(await pipeline.finished).toMatchObject({ exitCode: 6, rowsOut: 500, checkpoints: 2 });
  expect(source.settled).toEqual(["first", "second", "third"]);
  expect((await checkpoints.latest("p", () => {}))?.splits["0"]).toMatchObject({ position: 500 });
  expect(sink.flushed.map((barrier) => barrier.checkpointId)).toEqual([1]);
});

test("who asks is told when the checkpoint fails for good", async () => {
  const source = new AskingSource(10);
  const sink = new RecordingSink();
  sink.beforeFlush = () => Promise.reject(new ConnectorError("PERMISSION_DENIED", "this user may not publish"));
  const checkpoints = memoryCheckpoints();
  const pipeline = startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 60_000 });
  expect(await pipeline.finished).toMatchObject({ exitCode: 3, checkpoints: 1 });
  expect(source.settled).toEqual([]);
});
