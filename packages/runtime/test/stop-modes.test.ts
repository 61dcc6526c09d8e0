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

test("a drain before anything was read ends at once with exit code 0, wherever the start is", async () => {
  const waits = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(new ConnectorError("ABORTED", "stopped"))),
    );
  for (const where of ["claim", "sink", "source", "checkpoint 0"]) {
    let reached = (): void => {};
    const begun = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const stuck = (signal: AbortSignal): Promise<never> => {
      reached();
      return waits(signal);
    };
    const never = (): Promise<never> => stuck(new AbortController().signal);
    const [source, sink, store] = [new CountingSource(1e9), new RecordingSink(), memoryCheckpoints()];
    if (where === "source") source.open = ({ signal, drain }) => stuck(AbortSignal.any([signal, drain]));
    if (where === "sink") sink.open = ({ signal }) => stuck(signal);
    const checkpoints: CheckpointStore = {
      ...store,
      ...(where === "claim" && { claim: never }),
      ...(where === "checkpoint 0" && { write: never }),
    };
    const pipeline = startPipeline({ name: "p", source, sink, checkpoints, drainTimeoutMs: 600_000 });
    await begun;
    pipeline.drain();
    expect(await pipeline.finished, where).toMatchObject({ exitCode: 0, rowsIn: 0, rowsOut: 0 });
    expect([source.closed, sink.closed], where).toEqual([1, 1]);
  }
});

test("a drain behind a start that has failed ends with what failed", async () => {
  const source = new CountingSource(1e9);
  source.open = () => Promise.reject(new ConnectorError("AUTH_FAILED", "refused"));
  const spec = { name: "p", source, sink: new RecordingSink(), checkpoints: memoryCheckpoints() };
  const pipeline = startPipeline(spec);
  source.close = async () => pipeline.drain();
  expect(await pipeline.finished).toMatchObject({ exitCode: 3 });
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

test("a pipeline that is stopped at a checkpoint does not start again for what fails meanwhile", async () => {
  const sink = new RecordingSink();
  const flushing = new Promise<(error: Error) => void>((begun) => {
    sink.beforeFlush = () => new Promise((_, reject) => begun(reject));
  });
  const pipeline = startPipeline({
    ...{ name: "p", source: new CountingSource(1e9), sink, checkpoints: memoryCheckpoints() },
    ...{ checkpointIntervalMs: 600_000, drainTimeoutMs: 600_000 },
    rebuild: () => ({ source: new CountingSource(1e9), sink: new RecordingSink() }),
  });
  await expect.poll(() => sink.written.length).toBeGreaterThan(0);
  pipeline.stopAtCheckpoint();
  (await flushing)(new ConnectorError("CONNECTION_LOST", "gone"));
  expect(await pipeline.finished).toMatchObject({ exitCode: 7, error: { code: "CONNECTION_LOST" } });
  expect(pipeline.restarts).toBe(0);
});

test("one whose outputs nobody takes ends as it stands: exit code 0, and the position stays", async () => {
  const checkpoints = memoryCheckpoints();
  const sink = new RecordingSink();
  const source = new CountingSource(1e9);
  const rebuild = () => ({ source: new CountingSource(1e9), sink });
  const pipeline = startPipeline({ name: "p", source, sink, rebuild, checkpoints, checkpointIntervalMs: 600_000 });
  sink.beforeBatch = () => {
    pipeline.abandon();
    throw new ConnectorError("UNEXPECTED", "nobody there");
  };
  expect(await pipeline.finished).toMatchObject({ exitCode: 0, rowsOut: 0, checkpoints: 1 });
  expect([pipeline.restarts, await positionIn(checkpoints)]).toEqual([0, 0]);
});
