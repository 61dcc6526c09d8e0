import { type Barrier, ConnectorError, memoryCheckpoints } from "@x/connector-api";
import { expect, test } from "vitest";
import { startPipeline } from "../src/index.js";
import { CountingSource } from "./counting-source.js";
import { RecordingSink } from "./recording-sink.js";

/** A source that writes something of its own, which is confirmed when the test says so. */
class WritingSource extends CountingSource {
  readonly barriers: Barrier[] = [];
  confirmed: Promise<void> = Promise.resolve();

  async flush(barrier: Barrier): Promise<void> {
    this.barriers.push(barrier);
    await this.confirmed;
  }
}

test("no checkpoint and no ack before the source's own flush, though the sink's is done", async () => {
  let confirm = (): void => {};
  const source = new WritingSource(1000);
  source.confirmed = new Promise((resolve) => {
    confirm = resolve;
  });
  const sink = new RecordingSink();
  const checkpoints = memoryCheckpoints();
  const pipeline = startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 5 });
  await expect.poll(() => sink.flushed.length).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(source.acked).toEqual([0]);
  expect((await checkpoints.latest("p", () => {}))?.checkpointId).toBe(0);
  confirm();
  expect(await pipeline.finished).toMatchObject({ exitCode: 0, rowsOut: 1000 });
  expect(source.barriers).toEqual(sink.flushed);
  expect(source.acked).toEqual([0, ...source.barriers.map((barrier) => barrier.checkpointId)]);
});

test("what the source cannot get confirmed ends the pipeline at its last checkpoint", async () => {
  const source = new WritingSource(1000);
  const denied = Promise.reject(new ConnectorError("PERMISSION_DENIED", "this user may not publish"));
  denied.catch(() => {});
  source.confirmed = denied;
  const checkpoints = memoryCheckpoints();
  const pipeline = startPipeline({ name: "p", source, sink: new RecordingSink(), checkpoints });
  expect(await pipeline.finished).toMatchObject({ exitCode: 3, checkpoints: 1 });
  expect((await checkpoints.latest("p", () => {}))?.checkpointId).toBe(0);
});
