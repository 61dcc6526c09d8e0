import type { BadDataConfig } from "./bad-data.js";
import type { DeadLetters, RefusedInput } from "./dead-letters.js";
import type { Decoder } from "./format.js";
import type { FramingConfig } from "./framing.js";
import type { RecordBatch, SourcePosition } from "./record-batch.js";
import type { RowValue } from "./row.js";
import type { TraceContext } from "./trace-context.js";

/**
 * Reads one metadata column from what the source calls a message: once per message, its rows share the value. Throws
 * BAD_DATA where the message lacks what a NOT NULL column needs.
 */
export type MetadataReader<Message> = (message: Message) => RowValue;

/** How payloads become rows. A source hands it over once, before the first {@link SourceCollector.split}. */
export interface Deserialization<Message> {
  readonly decoder: Decoder;
  readonly framing?: FramingConfig | undefined;
  readonly badData: BadDataConfig;
  /** Needed for `bad_data = 'dead_letter'`, which is refused with UNSUPPORTED without them. */
  readonly deadLetters?: DeadLetters<RefusedInput<Message>> | undefined;
  /** Column name and reader, in declared order. */
  readonly metadata: readonly (readonly [column: string, read: MetadataReader<Message>])[];
  /** Names a message in an error: subject and sequence, never the payload. */
  readonly describe: (message: Message) => string;
  /** The trace that a message belongs to. Called once per batch, and only while the host traces. */
  readonly traceOf?: ((message: Message) => TraceContext | undefined) | undefined;
}

/** The input of one split. */
export interface SplitCollector<Message> {
  /**
   * Decodes one input and adds its rows to the current batch. Synchronous and never waits: the source bounds what it
   * collects by not asking for more while {@link SourceCollector.hasRoom} is false. `payload` is only read during the
   * call. An input whose decoder is not ready (`Decoder.prepare`) is kept, with all behind it, and there is no room until
   * it is decoded; what it throws then, `room` rejects with and the next `collect` throws. Throws BAD_DATA under
   * `bad_data = 'fail'`; the input is then not part of any batch.
   */
  collect(payload: Uint8Array, position: SourcePosition, message: Message): void;
  /** Moves the position over input that gives no rows: skipped, filtered or removed on purpose. */
  advance(position: SourcePosition): void;
  /** End of the last batch handed downstream; undefined before the first. What a snapshot is made of. */
  readonly handedOn: SourcePosition | undefined;
}

/**
 * Stands between a source and its host: owns framing, decoding, bad data, metadata columns and batching. Refused input
 * is given to the dead letters before the batch that passes over it is handed on, so that a barrier covers both.
 */
export interface SourceCollector {
  initialize<Message>(deserialization: Deserialization<Message>): void;
  /** The collector of a split, made on first use. Call after `initialize`, outside the hot path. */
  split<Message>(name: string): SplitCollector<Message>;
  /** Hands on every batch begun. */
  flush(): void;
  /** False while downstream, or the dead letters, have as much as they may hold. */
  readonly hasRoom: boolean;
  /** Resolves when {@link hasRoom} is true again; rejects when the pipeline stops at once, or with what a held input threw. */
  room(): Promise<void>;
}

/** The host's side of a collector. */
export interface Downstream {
  /** Takes a batch at once; `bytes` is the size of the payloads it came from. Must not throw. */
  accept(batch: RecordBatch, bytes: number): void;
  /**
   * True when nothing waits downstream: a batch begun is then handed on at the end of the event-loop turn. A host that
   * becomes idle later calls `flush` of the collector itself, so that the tail of a burst is not held back.
   */
  readonly idle: boolean;
  readonly hasRoom: boolean;
  room(): Promise<void>;
}
