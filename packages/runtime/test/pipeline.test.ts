import { type Checkpoint, type CheckpointStore, ConnectorError, memoryCheckpoints } from "@x/connector-api";
import { describe, expect, test, vi } from "vitest";
import { startPipeline } from "../src/index.js";
import { CountingSource } from "./counting-source.js";
import { RecordingSink } from "./recording-sink.js";

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

/** A store that lets a test look at, delay or refuse each write. */
function watched(store: CheckpointStore, beforeWrite: (checkpoint: Checkpoint) => void): CheckpointStore {
  return {
    ...store,
    async write(checkpoint) {
      beforeWrite(checkpoint);
      await store.write(checkpoint);
    },
  };
}

describe("a pipeline", () => {
  test("moves every row in order and ends with a final checkpoint", async () => {
    const source = new CountingSource(50_000);
    const sink = new RecordingSink();
    const checkpoints = memoryCheckpoints();
    const pipeline = startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 5 });
    const summary = await pipeline.finished;

    expect(summary).toMatchObject({ name: "p", exitCode: 0, rowsIn: 50_000, rowsOut: 50_000, badRows: 0 });
    expect(sink.written).toEqual(oneTo(50_000));
    expect(sink.flushed.at(-1)?.final).toBe(true);
    expect((await checkpoints.latest("p", () => {}))?.splits["0"]).toMatchObject({ position: 50_000 });
    expect([source.closed, sink.closed]).toEqual([1, 1]);
  });

  test("continues at its last checkpoint under the next epoch", async () => {
    const checkpoints = memoryCheckpoints();
    await startPipeline({ name: "p", source: new CountingSource(1000), sink: new RecordingSink(), checkpoints })
      .finished;
    const source = new CountingSource(1500);
    const sink = new RecordingSink();
    await startPipeline({ name: "p", source, sink, checkpoints }).finished;

    expect(source.startedAt).toBe(1001);
    expect(sink.written).toEqual(oneTo(1500).slice(1000));
    expect(sink.context?.identity.epoch).toBe(2);
  });

  test("starts where the sink is, when the sink knows", async () => {
    const checkpoints = memoryCheckpoints();
    await startPipeline({ name: "p", source: new CountingSource(1000), sink: new RecordingSink(), checkpoints })
      .finished;
    const source = new CountingSource(1000);
    const sink = new RecordingSink({ committed: new Map([["0", 400]]) });
    await startPipeline({ name: "p", source, sink, checkpoints }).finished;
    expect(source.startedAt).toBe(401);
  });

  test("tells a sink that keeps progress where a split begins that it has never written, before checkpoint 0", async () => {
    const events: string[] = [];
    const run = async (committed: ReadonlyMap<string, number>): Promise<RecordingSink> => {
      const source = Object.assign(new CountingSource(10), {
        origin: { stream: "S", splits: ["0"], sequenceOf: Number },
        starts: () => new Map([["0", 0]]),
      });
      const sink = new RecordingSink({ committed });
      sink.beforeBatch = ({ rows, split, end }) => void events.push(`${split}: ${rows.length} rows to ${end}`);
      const checkpoints = watched(memoryCheckpoints(), ({ checkpointId }) => void events.push(`store ${checkpointId}`));
      await startPipeline({ name: "p", source, sink, checkpoints }).finished;
      expect(sink.context).toMatchObject({ origin: source.origin, deterministic: true, restored: undefined });
      expect(sink.flushed[0]?.checkpointId).toBe(0);
      return sink;
    };
    await run(new Map());
    expect(events.splice(0)).toEqual(["0: 0 rows to 0", "store 0", "0: 10 rows to 10", "store 1"]);
    await run(new Map([["0", 3]]));
    expect(events).toEqual(["store 0", "0: 7 rows to 10", "store 1"]);
  });

  test("stores the start before the first row, and each checkpoint only after its rows were flushed, acks last", async () => {
    const events: string[] = [];
    const source = new CountingSource(20_000);
    const sink = new RecordingSink();
    let written = 0;
    const checkpoints = watched(memoryCheckpoints(), (checkpoint) => {
      events.push(`store ${checkpoint.checkpointId}`);
      if (checkpoint.checkpointId === 0) expect(sink.written).toEqual([]);
      written = Number(checkpoint.splits["0"]?.position);
      expect(sink.confirmed).toBeGreaterThanOrEqual(written);
    });
    const completed = source.checkpointCompleted.bind(source);
    source.checkpointCompleted = async (id) => {
      events.push(`ack ${id}`);
      await completed(id);
    };
    const summary = await startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 2 }).finished;

    expect(summary.checkpoints).toBeGreaterThan(2);
    expect(written).toBe(20_000);
    expect(events).toEqual(oneTo(summary.checkpoints).flatMap((n) => [`store ${n - 1}`, `ack ${n - 1}`]));
  });

  test("goes on writing while a flush is under way", async () => {
    const source = new CountingSource(30_000);
    const sink = new RecordingSink();
    let atFirstFlush = -1;
    let duringFlush = -1;
    sink.beforeFlush = async () => {
      if (atFirstFlush >= 0) return;
      atFirstFlush = sink.written.length;
      while (sink.written.length < 30_000) await new Promise((resolve) => setTimeout(resolve, 1));
      duringFlush = sink.written.length;
    };
    await startPipeline({ name: "p", source, sink, checkpoints: memoryCheckpoints(), checkpointIntervalMs: 1 })
      .finished;
    expect(atFirstFlush).toBeLessThan(30_000);
    expect(duringFlush).toBe(30_000);
  });

  test("a failed store write neither acks nor stops; the next checkpoint covers it", async () => {
    const source = new CountingSource(20_000);
    const sink = new RecordingSink();
    let refused = 0;
    const checkpoints = watched(memoryCheckpoints(), ({ checkpointId }) => {
      if (checkpointId !== 1) return;
      refused += 1;
      throw new ConnectorError("STATE_STORE", "disk full");
    });
    const summary = await startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 1 }).finished;
    expect(refused).toBe(1);
    expect(summary.exitCode).toBe(0);
    expect(source.acked).not.toContain(1);
  });

  test("a store that stays broken ends the pipeline with exit code 1", async () => {
    const source = new CountingSource(Number.MAX_SAFE_INTEGER);
    const checkpoints = watched(memoryCheckpoints(), ({ checkpointId }) => {
      if (checkpointId > 0) throw new ConnectorError("STATE_STORE", "disk full");
    });
    const sink = new RecordingSink();
    const summary = await startPipeline({ name: "p", source, sink, checkpoints, checkpointIntervalMs: 1 }).finished;
    expect(summary).toMatchObject({ exitCode: 1, error: { code: "STATE_STORE" } });
    expect(source.acked).toEqual([0]);
  });

  test("a sink that fails stops everything, closes both ends and reports the first error", async () => {
    const source = new CountingSource(Number.MAX_SAFE_INTEGER);
    const sink = new RecordingSink();
    sink.beforeBatch = () => {
      if (sink.written.length > 5000) throw new ConnectorError("BAD_DATA", "row refused");
    };
    const summary = await startPipeline({ name: "p", source, sink, checkpoints: memoryCheckpoints() }).finished;
    expect(summary).toMatchObject({ exitCode: 6, error: { code: "BAD_DATA" } });
    expect([source.closed, sink.closed]).toEqual([1, 1]);
  });

  test("a flush that fails in the background ends the pipeline", async () => {
    const sink = new RecordingSink();
    sink.beforeFlush = async () => {
      throw new ConnectorError("PERMISSION_DENIED", "publish refused");
    };
    const source = new CountingSource(Number.MAX_SAFE_INTEGER);
    const summary = await startPipeline({
      name: "p",
      source,
      sink,
      checkpoints: memoryCheckpoints(),
      checkpointIntervalMs: 1,
    }).finished;
    expect(summary).toMatchObject({ exitCode: 3, error: { code: "PERMISSION_DENIED" } });
  });

  test("drain writes what was read and ends with exit code 0; stop ends with 130 at the last checkpoint", async () => {
    const checkpoints = memoryCheckpoints();
    const sink = new RecordingSink();
    const drained = startPipeline({ name: "p", source: new CountingSource(1e9), sink, checkpoints });
    await expect.poll(() => sink.written.length).toBeGreaterThan(0);
    drained.drain();
    const summary = await drained.finished;
    expect(summary.exitCode).toBe(0);
    expect(sink.written).toEqual(oneTo(summary.rowsIn));
    const stored = (await checkpoints.latest("p", () => {}))?.splits["0"];
    expect(stored).toMatchObject({ position: summary.rowsIn });

    const reading = new CountingSource(1e9);
    const stopped = startPipeline({ name: "p", source: reading, sink: new RecordingSink(), checkpoints });
    await expect.poll(() => stopped.counters.rowsIn).toBeGreaterThan(0);
    stopped.stop();
    expect(await stopped.finished).toMatchObject({ exitCode: 130, error: { code: "ABORTED" } });
  });

  test("an idle pipeline writes no checkpoint again and again, yet still sees that it is fenced", async () => {
    let writes = 0;
    const checkpoints = watched(memoryCheckpoints(), () => {
      writes += 1;
    });
    const source = new CountingSource(10);
    const run = source.run.bind(source);
    source.run = async (context, collector) => {
      await run(context, collector);
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      return "immediate";
    };
    const idle = startPipeline({ name: "p", source, sink: new RecordingSink(), checkpoints, checkpointIntervalMs: 2 });
    await expect.poll(() => source.acked.length).toBeGreaterThan(5);
    expect(writes).toBeLessThanOrEqual(3);
    await checkpoints.claim("p", "rival");
    expect(await idle.finished).toMatchObject({ exitCode: 5 });
  });

  test("a drain that cannot finish gives up after its time-out", async () => {
    const sink = new RecordingSink();
    sink.beforeFlush = () => new Promise(() => {});
    const pipeline = startPipeline({
      name: "p",
      source: new CountingSource(1e9),
      sink,
      checkpoints: memoryCheckpoints(),
      drainTimeoutMs: 50,
    });
    await expect.poll(() => sink.written.length).toBeGreaterThan(0);
    pipeline.drain();
    expect(await pipeline.finished).toMatchObject({ exitCode: 1, error: { code: "DRAIN_TIMEOUT" } });
  });

  test("an older incarnation is fenced: exit code 5, nothing acked after the take-over", async () => {
    const checkpoints = memoryCheckpoints();
    const source = new CountingSource(1e9);
    const older = startPipeline({ name: "p", source, sink: new RecordingSink(), checkpoints, checkpointIntervalMs: 5 });
    await expect.poll(() => source.acked.length).toBeGreaterThan(1);
    await startPipeline({ name: "p", source: new CountingSource(10), sink: new RecordingSink(), checkpoints }).finished;
    const acked = source.acked.length;
    const summary = await older.finished;
    expect(summary).toMatchObject({ exitCode: 5, error: { code: "FENCED" } });
    expect(source.acked.length - acked).toBeLessThanOrEqual(1);
  });

  test("a slow sink bounds what waits in between", async () => {
    const source = new CountingSource(100_000);
    const sink = new RecordingSink();
    let worst = 0;
    const pipeline = startPipeline({ name: "p", source, sink, checkpoints: memoryCheckpoints() });
    sink.beforeBatch = async () => {
      worst = Math.max(worst, pipeline.counters.rowsIn - sink.written.length);
      await new Promise((resolve) => setImmediate(resolve));
    };
    expect((await pipeline.finished).rowsIn).toBe(100_000);
    expect(worst).toBeLessThan(20_000);
  });

  test("ends after --max-rows rows, exactly", async () => {
    const checkpoints = memoryCheckpoints();
    const sink = new RecordingSink();
    const source = new CountingSource(1e9);
    const summary = await startPipeline({ name: "p", source, sink, checkpoints, maxRows: 2500 }).finished;
    expect(summary).toMatchObject({ exitCode: 0, rowsIn: 2500, rowsOut: 2500 });
    expect(sink.written).toEqual(oneTo(2500));
    expect((await checkpoints.latest("p", () => {}))?.splits["0"]).toMatchObject({ position: 2500 });
  });
});

test("the age of a checkpoint does not follow a clock that is set", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    const sink = new RecordingSink();
    const source = new CountingSource(1e9);
    const pipeline = startPipeline({ name: "p", source, sink, checkpoints: memoryCheckpoints() });
    await expect.poll(() => sink.written.length).toBeGreaterThan(0);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(pipeline.checkpointAgeMs).toBeGreaterThanOrEqual(0);
    vi.setSystemTime(Date.now() + 7_200_000);
    expect(pipeline.checkpointAgeMs).toBeLessThan(3_600_000);
    pipeline.stop();
    await pipeline.finished;
  } finally {
    vi.useRealTimers();
  }
});
