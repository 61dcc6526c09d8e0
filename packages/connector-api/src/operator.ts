import type { SinkContext, SourceContext, SourceOrigin, SplitState } from "./operator-context.js";
import type { RecordBatch, SourcePosition } from "./record-batch.js";
import type { Row } from "./row.js";
import type { SourceCollector } from "./source-collector.js";

/** Why a source stopped reading: its input ended, it was asked to drain, or it was told to stop at once. */
export type SourceFinish = "final" | "graceful" | "immediate";

/** The state of every split of a source, as one checkpoint holds it. */
export type SourceSnapshot = ReadonlyMap<string, SplitState>;

/**
 * Reads an input. A source never decodes: it hands payloads to the collector.
 *
 * A host calls, never concurrently except where said: `open` once; `snapshot(0)` once; `run` once, and while it runs
 * `snapshot`, `flush` and `checkpointCompleted`; `close` once at the end, whatever happened before, also after a failed
 * `open`.
 */
export interface SourceOperator {
  readonly name: string;
  /** What it reads, when that can be read again from any position; known before `open`. */
  readonly origin?: SourceOrigin | undefined;
  /**
   * Connects, resolves where to start (restored state, else committed positions, else configuration) and attaches.
   * Nothing is handed on before `run`. Rejects with a coded error when the start is impossible.
   */
  open(context: SourceContext): Promise<void>;
  /**
   * Where each split begins, once it is open: everything up to there was read before, or is passed over. A sink that
   * keeps progress commits it before the first row, so that a start without state begins there, too.
   */
  starts?(): ReadonlyMap<string, SourcePosition>;
  /**
   * Reads until the input ends, `context.drain` or `context.signal` aborts, or an error that the source cannot mend by
   * itself rejects the promise. Lost connections and moved leaders it mends by itself. Before it returns "final" or
   * "graceful" everything it collected has been handed on.
   */
  run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish>;
  /**
   * The state of all splits: exactly the rows handed downstream before this call. Synchronous, so that nothing moves
   * between the barrier and the snapshot. The host makes it durable, then calls `checkpointCompleted` with the same id.
   */
  snapshot(checkpointId: number): SourceSnapshot;
  /**
   * Resolves when the destination has confirmed what the source itself wrote for the input of every snapshot so far:
   * its dead letters. The host calls it after `snapshot` and makes that checkpoint durable only once this and the sink's
   * `flush` have resolved; reading goes on meanwhile. Rejects when something will never be confirmed: the checkpoint
   * then fails for good, and so does `run`. A source that writes nothing leaves it out.
   */
  flush?(barrier: Barrier): Promise<void>;
  /**
   * The checkpoint and everything before it is durable: now, and only now, the source acks. Not called for a failed
   * checkpoint. A rejected promise is never a loss but a warning to the host, since a later ack covers it; only
   * PERMISSION_DENIED ends the run, because no later ack would be taken either.
   */
  checkpointCompleted(checkpointId: number): Promise<void>;
  /** Releases everything it holds. Idempotent. */
  close(): Promise<void>;
}

/** What a sink knows about its own past. */
export interface SinkStart {
  /**
   * Last position committed per split. When present the host starts the source there, not at the checkpoint; a split
   * that is not in it has never been written.
   */
  readonly committed?: ReadonlyMap<string, SourcePosition>;
}

/** A point in the flow of batches: every batch processed before it belongs to `checkpointId`. */
export interface Barrier {
  readonly checkpointId: number;
  /** True for the last barrier of a run; nothing follows it. */
  readonly final: boolean;
}

/**
 * Writes an output. A host calls `open` once, then `processBatch` and `flush`, then `close`.
 * `processBatch` calls never overlap each other; one may begin while an earlier `flush` is still waiting.
 */
export interface SinkOperator<R = Row> {
  readonly name: string;
  /** Connects, checks that what it promises can be kept, and reports what is committed already. */
  open(context: SinkContext): Promise<SinkStart>;
  /**
   * Takes over the rows of a batch, in order. Returns nothing when there was room, or a promise that resolves when
   * there is room for the next batch (backpressure). Does not wait for confirmation. Rejects when a row is refused
   * under `bad_data = 'fail'` or when an earlier row can no longer be confirmed.
   */
  processBatch(batch: RecordBatch<R>): void | Promise<void>;
  /**
   * Resolves when the destination has confirmed every row processed before the call, and every dead letter made of one;
   * rejects when it never will.
   */
  flush(barrier: Barrier): Promise<void>;
  /** Releases everything it holds, without waiting for unconfirmed rows. Idempotent. */
  close(): Promise<void>;
}
