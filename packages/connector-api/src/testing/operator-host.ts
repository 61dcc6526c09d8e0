import { createSourceCollector } from "../create-source-collector.js";
import { ConnectorError } from "../errors.js";
import { silentLogger } from "../logger.js";
import type { SinkOperator, SinkStart, SourceFinish, SourceOperator, SourceSnapshot } from "../operator.js";
import {
  createCounters,
  type OperatorContext,
  type OperatorCounters,
  type SourceContext,
  type SourceOrigin,
  type SplitState,
} from "../operator-context.js";
import type { RecordBatch } from "../record-batch.js";
import { type SuiteRow, suiteRowOf } from "./suite-rows.js";

/** How {@link startSource} runs a source. */
export interface SourceStart {
  readonly restored?: SourceSnapshot;
  readonly committed?: SourceContext["committed"];
  readonly untilCaughtUp?: boolean;
  /** Rows that may wait downstream; more come only after `take`. Default: any number. */
  readonly capacity?: number;
  /** True: downstream is busy, so that rows wait in the collector until a batch is full or the source asks. */
  readonly busy?: boolean;
}

/** A source under way, in a host small enough to be sure of. */
export interface HostedSource {
  readonly batches: readonly RecordBatch[];
  readonly counters: OperatorCounters;
  /** Settles when `run` does. */
  readonly finished: Promise<SourceFinish>;
  /** Every row handed on so far, in order. */
  rows(): SuiteRow[];
  /** Hands on what the collector still holds, and says how many rows that were. */
  flushCollector(): number;
  /** Lets this many rows more come. */
  take(rows: number): void;
  /** What a checkpoint would hold now, after a trip through JSON. */
  snapshot(checkpointId: number): SourceSnapshot;
  /** Waits for what the source itself wrote, as the host does before a checkpoint. */
  flush(checkpointId: number): Promise<void>;
  checkpointCompleted(checkpointId: number): Promise<void>;
  drain(): void;
  stop(): void;
}

const identity = { pipeline: "suite", jobId: "suite", epoch: 1, instanceId: "one" };
let lastEpoch = 0;

/** A new incarnation each time, as a start of a pipeline is. */
export function createContext(signal: AbortSignal): OperatorContext {
  lastEpoch += 1;
  return {
    identity: { ...identity, epoch: lastEpoch, instanceId: `i${lastEpoch}` },
    signal,
    logger: silentLogger,
    counters: createCounters(),
    assertCurrent: () => Promise.resolve(),
  };
}

/** Opens a source as hosts do, takes checkpoint 0, and lets it run. Rejects when `open` does. */
export async function startSource(source: SourceOperator, start: SourceStart = {}): Promise<HostedSource> {
  const { restored, committed, untilCaughtUp = false, capacity = Number.POSITIVE_INFINITY } = start;
  const { busy = false } = start;
  const stop = new AbortController();
  const drain = new AbortController();
  const context: SourceContext = {
    ...createContext(stop.signal),
    restored,
    committed,
    untilCaughtUp,
    drain: drain.signal,
  };
  const batches: RecordBatch[] = [];
  const waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  let room = capacity;

  await source.open(context);
  source.snapshot(0);
  await source.checkpointCompleted(0);
  const collector = createSourceCollector({
    counters: context.counters,
    maxRows: 50,
    downstream: {
      accept(batch) {
        batches.push(batch);
        room -= batch.rows.length;
      },
      idle: !busy,
      get hasRoom() {
        return room > 0;
      },
      async room() {
        if (stop.signal.aborted) throw stop.signal.reason;
        if (room <= 0) await new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
      },
    },
  });
  const finished = source.run(context, collector);
  finished.catch(() => {});
  return {
    batches,
    counters: context.counters,
    finished,
    rows: () => batches.flatMap((batch) => batch.rows.map(suiteRowOf)),
    flushCollector() {
      const before = context.counters.rowsIn;
      collector.flush();
      return context.counters.rowsIn - before;
    },
    take(rows) {
      room += rows;
      if (room > 0) for (const one of waiting.splice(0)) one.resolve();
    },
    snapshot: (checkpointId) => throughJson(source.snapshot(checkpointId)),
    flush: async (checkpointId) => await source.flush?.({ checkpointId, final: false }),
    checkpointCompleted: (checkpointId) => source.checkpointCompleted(checkpointId),
    drain: () => drain.abort(),
    stop() {
      stop.abort(new ConnectorError("ABORTED", "the suite stopped the source"));
      for (const one of waiting.splice(0)) one.reject(stop.signal.reason);
    },
  };
}

/** Whose rows the sinks of the suite write: an input of one split that can be read again. */
const origin: SourceOrigin = { stream: "suite", splits: ["0"], sequenceOf: Number };

/** Opens a sink as hosts do: what it said of its past, and the counters it counts in. */
export async function startSink(
  sink: SinkOperator,
): Promise<{ readonly counters: OperatorCounters; readonly start: SinkStart }> {
  const context = createContext(new AbortController().signal);
  const start = await sink.open({ ...context, origin, deterministic: true });
  return { counters: context.counters, start };
}

function throughJson(snapshot: SourceSnapshot): SourceSnapshot {
  return new Map(JSON.parse(JSON.stringify([...snapshot])) as [string, SplitState][]);
}
