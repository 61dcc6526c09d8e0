import { type CheckpointStore, ConnectorError, memoryCheckpoints } from "@x/connector-api";
import { expect, test } from "vitest";
import { startPipeline } from "../src/index.js";
import { CountingSource } from "./counting-source.js";
import { RecordingSink } from "./recording-sink.js";

const positionIn = async (checkpoints: CheckpointStore): Promise<unknown> =>
  (await checkpoints.latest("p", () => {}))?.splits["0"]?.position;

test("at a checkpoint: ends behind it with exit code 0, and leaves the rest for the next run", async () => {
  const checkpoints = memoryCheckpoints();
  const source = new CountingSource(1e9);
  const sink = new RecordingSink();
  const pipeline = startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 60_000 });
  await expect.poll(() => sink.written.length).toBeGreaterThan(5000);
  pipeline.stopAtCheckpoint();
  expect(await pipeline.finished).toMatchObject({ exitCode: 0, checkpoints: 2 });
  const position = Number(await positionIn(checkpoints));
  expect(position).toBeGreaterThan(0);
  expect(sink.confirmed).toBeGreaterThanOrEqual(position);
  expect(source.acked).toEqual([0, 1]);

  const next = new CountingSource(position + 10);
  await startPipeline({ name: "p", source: next, sink: new RecordingSink(), checkpoints }).finished;
  expect(next.startedAt).toBe(position + 1);
});

test("at a checkpoint that never comes: gives up after the drain's time-out; before the first start: at once", async () => {
  const sink = new RecordingSink();
  sink.beforeFlush = () => new Promise(() => {});
  const checkpoints = memoryCheckpoints();
  const stuck = startPipeline({ name: "p", source: new CountingSource(1e9), sink, checkpoints, drainTimeoutMs: 50 });
  await expect.poll(() => sink.written.length).toBeGreaterThan(0);
  stuck.stopAtCheckpoint();
  expect(await stuck.finished).toMatchObject({ exitCode: 1, error: { code: "DRAIN_TIMEOUT" } });

  const early = startPipeline({ name: "p", source: new CountingSource(1e9), sink: new RecordingSink(), checkpoints });
  early.stopAtCheckpoint();
  expect(await early.finished).toMatchObject({ exitCode: 0, rowsOut: 0 });
});

test("a stop does not wait for a store that does not answer", async () => {
  const checkpoints: CheckpointStore = { ...memoryCheckpoints(), claim: () => new Promise(() => {}) };
  const pipeline = startPipeline({ name: "p", source: new CountingSource(10), sink: new RecordingSink(), checkpoints });
  pipeline.stop();
  expect(await pipeline.finished).toMatchObject({ exitCode: 130 });
});

test("a checkpoint every so many rows, whatever the time", async () => {
  const source = new CountingSource(10_000);
  const spec = { name: "p", source, sink: new RecordingSink(), checkpoints: memoryCheckpoints() };
  const { checkpoints } = await startPipeline({ ...spec, checkpointIntervalMs: 60_000, checkpointRows: 1000 }).finished;
  expect(checkpoints).toBeGreaterThan(3);
  expect(checkpoints).toBeLessThanOrEqual(12);
});

test("the last checkpoint is tried again, too", async () => {
  const store = memoryCheckpoints();
  let failures = 2;
  const checkpoints: CheckpointStore = {
    ...store,
    async write(checkpoint) {
      if (checkpoint.checkpointId > 0 && failures-- > 0) throw new ConnectorError("STATE_STORE", "disk full");
      await store.write(checkpoint);
    },
  };
  const source = new CountingSource(100);
  const spec = { name: "p", source, sink: new RecordingSink(), checkpoints, checkpointIntervalMs: 60_000 };
  expect(await startPipeline(spec).finished).toMatchObject({ exitCode: 0 });
  expect(await positionIn(store)).toBe(100);
});

test("a pipeline that fails leaves the others of its process alone, also with one store for all", async () => {
  const checkpoints = memoryCheckpoints();
  const bad = new RecordingSink();
  bad.beforeBatch = () => {
    throw new ConnectorError("BAD_DATA", "row refused");
  };
  const [failed, done] = await Promise.all([
    startPipeline({ name: "bad", source: new CountingSource(1000), sink: bad, checkpoints }).finished,
    startPipeline({ name: "p", source: new CountingSource(1000), sink: new RecordingSink(), checkpoints }).finished,
  ]);
  expect(failed).toMatchObject({ exitCode: 6 });
  expect(done).toMatchObject({ exitCode: 0, rowsOut: 1000 });
  expect(await positionIn(checkpoints)).toBe(1000);
});

test("a stop of what is over holds the process up for nothing", async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const source = new CountingSource(10);
  const pipeline = startPipeline({ name: "p", source, sink: new RecordingSink(), checkpoints: memoryCheckpoints() });
  await pipeline.finished;
  const before = timers();
  pipeline.drain();
  pipeline.stopAtCheckpoint();
  pipeline.stop();
  expect(timers()).toBe(before);
});
