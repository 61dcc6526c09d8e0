import type { Logger } from "./logger.js";
import type { SourcePosition } from "./record-batch.js";
import type { JsonObject } from "./row.js";

/** Numbers an operator counts for its host; each only grows, but for the gauges. Hosts read them at any time. */
export interface OperatorCounters {
  /** Rows decoded and handed on. */
  rowsIn: number;
  /** Rows the destination confirmed. */
  rowsOut: number;
  /** Rows or messages refused by decoding, the schema or the sink, whatever the policy did with them. */
  badRows: number;
  /** Rows lost to overflow only. */
  droppedRows: number;
  /** Rows a sink has given up before the destination confirmed them: they may be there or not. */
  unconfirmedRows: number;
  /** Publishes that nobody received, where the sink is told to count them. */
  noResponders: number;
  /** Bytes of the payloads that were handed on, as they came from the source. */
  bytesIn: number;
  /** Bytes of the payloads that the sink has written, confirmed or not. */
  bytesOut: number;
  /** Gaps in the input, each a place where data is or may be missing. */
  gaps: number;
  /** Inputs in gaps whose extent is known. */
  lostMessages: number;
  /** Times a lost connection came back. */
  reconnects: number;
  /** Times the source has begun anew at its position, because what it read from was lost or in doubt. */
  rebuilds: number;
  /** Rows written and not confirmed yet, as of the last batch or barrier. A gauge. */
  inFlight: number;
  /** Inputs known to wait at the source, as of the last batch; undefined where the source cannot know. A gauge. */
  lag: number | undefined;
  /** Connections that are lost at this moment. A gauge. */
  away: number;
  /** Since when there is a lost connection, in epoch milliseconds; undefined while there is none. A gauge. */
  awaySince: number | undefined;
}

/** Something that happened to an operator on its own account, for a program that wants to know at once. */
export type OperatorEvent =
  | { readonly type: "disconnect" }
  | { readonly type: "reconnect" }
  /** The consumer is made anew at the position; nothing is lost by it. */
  | { readonly type: "rebuild"; readonly reason: string }
  /** Input is missing, or may be: `from` and `to` where they are known. */
  | { readonly type: "gap"; readonly reason: string; readonly from?: number; readonly to?: number };

export function createCounters(): OperatorCounters {
  const numbers = { rowsIn: 0, rowsOut: 0, badRows: 0, droppedRows: 0, gaps: 0, reconnects: 0, away: 0 };
  return {
    ...numbers,
    unconfirmedRows: 0,
    noResponders: 0,
    bytesIn: 0,
    bytesOut: 0,
    lostMessages: 0,
    rebuilds: 0,
    inFlight: 0,
    lag: undefined,
    awaySince: undefined,
  };
}

/**
 * Who this process is within its pipeline. `jobId` names the state, `epoch` the incarnation (not a checkpoint), and
 * (`epoch`, `instanceId`) is what "mine" means.
 */
export interface Identity {
  readonly pipeline: string;
  readonly jobId: string;
  readonly epoch: number;
  readonly instanceId: string;
}

/** What every operator is given at `open`. One context serves all operators of a pipeline. */
export interface OperatorContext {
  readonly identity: Identity;
  /** Aborted when the pipeline must stop at once. Every wait of an operator ends then. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly counters: OperatorCounters;
  /** Told of each event as it happens, where the host wants to know. Does not throw. */
  readonly onEvent?: ((event: OperatorEvent) => void) | undefined;
  /**
   * Rejects with FENCED when a newer incarnation has claimed the pipeline. An operator calls it before it rebuilds and
   * when something it owns on the server has vanished; the host calls it before and after each checkpoint.
   */
  assertCurrent(): Promise<void>;
}

/**
 * Input that stays where it is, so that it can be read again from any position: what a sink may hold on to. Declared by
 * a source on itself, handed to the sink by the host.
 */
export interface SourceOrigin {
  /** Names the input: its stream. */
  readonly stream: string;
  /** Every split this process reads. */
  readonly splits: readonly string[];
  /** How many splits the input has where others read the rest of them. Default: as many as `splits`. */
  readonly outOf?: number | undefined;
  /** The number of the input at a position: the same however often it is read, growing within a split. */
  sequenceOf(position: SourcePosition): number;
}

/** What a sink is given at `open`, beyond {@link OperatorContext}. */
export interface SinkContext extends OperatorContext {
  /** Where the rows come from; absent when they cannot be read again (a Core source, rows of a program). */
  readonly origin?: SourceOrigin | undefined;
  /** True when reading the same input again gives the same rows: the transform says so, or there is none. */
  readonly deterministic?: boolean | undefined;
  /** Splits of the last durable checkpoint; absent on a first start. */
  readonly restored?: ReadonlyMap<string, SplitState> | undefined;
}

/**
 * State of one split as the source wrote it: JSON with a version `v`, sequences as decimal strings. `forked` is a host's
 * mark on a position that was taken over from another pipeline: under this name nothing has been written yet.
 */
export type SplitState = JsonObject & { readonly v: number; readonly forked?: boolean };

/** What a source is given at `open`, beyond {@link OperatorContext}. */
export interface SourceContext extends OperatorContext {
  /** Splits of the last durable checkpoint; absent on a first start. */
  readonly restored?: ReadonlyMap<string, SplitState> | undefined;
  /** Positions the sink reports as committed; where present they win over `restored`. */
  readonly committed?: ReadonlyMap<string, SourcePosition> | undefined;
  /** Aborted when the source should stop reading, hand on what it has and return "graceful". */
  readonly drain: AbortSignal;
  /** True: the source ends with "final" once it has read what the stream held when it attached. */
  readonly untilCaughtUp: boolean;
  /**
   * Asks for a checkpoint before its time, because an ack is needed soon or the source is about to fail. Resolves when
   * one begun after the call is over: every row handed on before is confirmed by then. Rejects when it failed for good.
   * A host that takes none of its own accord leaves it out.
   */
  requestCheckpoint?(): Promise<void>;
}
