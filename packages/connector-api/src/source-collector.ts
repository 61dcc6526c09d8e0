import type { BadDataConfig } from "./bad-data.js";
import { ConnectorError, isConnectorError } from "./errors.js";
import type { Decoder } from "./format.js";
import { createNewlineFraming, type FramingConfig } from "./framing.js";
import type { OperatorCounters } from "./operator-context.js";
import type { RecordBatch, SourcePosition } from "./record-batch.js";
import type { Row, RowValue } from "./row.js";

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
  /** Column name and reader, in declared order. */
  readonly metadata: readonly (readonly [column: string, read: MetadataReader<Message>])[];
  /** Names a message in an error: subject and sequence, never the payload. */
  readonly describe: (message: Message) => string;
}

/** The input of one split. */
export interface SplitCollector<Message> {
  /**
   * Decodes one input and adds its rows to the current batch. Synchronous and never waits: the source bounds what it
   * collects by not asking for more while {@link SourceCollector.hasRoom} is false. `payload` is only read during the
   * call. Throws BAD_DATA under `bad_data = 'fail'`; the input is then not part of any batch.
   */
  collect(payload: Uint8Array, position: SourcePosition, message: Message): void;
  /** Moves the position over input that gives no rows: skipped, filtered or removed on purpose. */
  advance(position: SourcePosition): void;
  /** End of the last batch handed downstream; undefined before the first. What a snapshot is made of. */
  readonly handedOn: SourcePosition | undefined;
}

/** Stands between a source and its host: owns framing, decoding, bad data, metadata columns and batching. */
export interface SourceCollector {
  initialize<Message>(deserialization: Deserialization<Message>): void;
  /** The collector of a split, made on first use. Call after `initialize`, outside the hot path. */
  split<Message>(name: string): SplitCollector<Message>;
  /** Hands on every batch begun. */
  flush(): void;
  /** False while downstream has as much as it may hold. */
  readonly hasRoom: boolean;
  /** Resolves when {@link hasRoom} is true again; rejects when the pipeline stops at once. */
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

export interface CollectorOptions {
  readonly downstream: Downstream;
  readonly counters: OperatorCounters;
  /** A batch is handed on when it holds this many rows. */
  readonly maxRows?: number;
  /** A batch is handed on when its payloads reach this many bytes. */
  readonly maxBytes?: number;
  /** Rows after which the collector takes no more: the input that reaches it is the last one, with all its rows. */
  readonly maxTotalRows?: number | undefined;
  /** Called once when `maxTotalRows` is reached and the last batch was handed on. */
  readonly onLimit?: () => void;
}

/** Rows that may still be taken. Shared by all splits. */
interface RowLimit {
  left: number;
  readonly reached: () => void;
}

/**
 * A collector for one run of one source. A batch is handed on when it is full, when the host asks with `flush`, or at
 * the end of the event-loop turn when nothing waits downstream: a lone row is never held back, and batches grow by
 * themselves while downstream is busy.
 */
export function createSourceCollector(options: CollectorOptions): SourceCollector {
  const { downstream, counters, maxRows = 1000, maxBytes = 1024 * 1024 } = options;
  const { maxTotalRows, onLimit = () => {} } = options;
  const limit: RowLimit | undefined = maxTotalRows === undefined ? undefined : { left: maxTotalRows, reached: onLimit };
  const splits = new Map<string, SplitBatcher<never>>();
  let deserialization: Deserialization<never> | undefined;
  let scheduled = false;

  const flush = (): void => {
    for (const split of splits.values()) split.handOn();
  };
  const handOnWhenIdle = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (downstream.idle) flush();
    });
  };

  return {
    initialize(given) {
      deserialization = given as Deserialization<never>;
    },
    split<Message>(name: string): SplitCollector<Message> {
      if (deserialization === undefined) throw new ConnectorError("UNEXPECTED", "split() before initialize()");
      let split = splits.get(name);
      if (split === undefined) {
        split = new SplitBatcher(name, deserialization, downstream, counters, maxRows, maxBytes, limit, handOnWhenIdle);
        splits.set(name, split);
      }
      return split as unknown as SplitCollector<Message>;
    },
    flush,
    get hasRoom() {
      return downstream.hasRoom;
    },
    room: () => downstream.room(),
  };
}

class SplitBatcher<Message> implements SplitCollector<Message> {
  handedOn: SourcePosition | undefined;
  readonly #name: string;
  readonly #decoder: Decoder;
  readonly #metadataColumns: readonly string[];
  readonly #metadataReaders: readonly MetadataReader<Message>[];
  readonly #describe: (message: Message) => string;
  readonly #drops: boolean;
  readonly #decodeFrames: ((payload: Uint8Array, message: Message) => void) | undefined;
  readonly #downstream: Downstream;
  readonly #counters: OperatorCounters;
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #limit: RowLimit | undefined;
  readonly #begun: () => void;
  #rows: Row[] = [];
  #positions: SourcePosition[] = [];
  #end: SourcePosition | undefined;
  #bytes = 0;

  constructor(
    name: string,
    deserialization: Deserialization<Message>,
    downstream: Downstream,
    counters: OperatorCounters,
    maxRows: number,
    maxBytes: number,
    limit: RowLimit | undefined,
    begun: () => void,
  ) {
    this.#name = name;
    this.#decoder = deserialization.decoder;
    this.#metadataColumns = deserialization.metadata.map(([column]) => column);
    this.#metadataReaders = deserialization.metadata.map(([, read]) => read);
    this.#describe = deserialization.describe;
    this.#drops = deserialization.badData.behavior === "drop";
    this.#decodeFrames = deserialization.framing && this.#compileFraming(deserialization.framing);
    this.#downstream = downstream;
    this.#counters = counters;
    this.#maxRows = maxRows;
    this.#maxBytes = maxBytes;
    this.#limit = limit;
    this.#begun = begun;
  }

  collect(payload: Uint8Array, position: SourcePosition, message: Message): void {
    if (this.#limit !== undefined && this.#limit.left <= 0) return;
    const rows = this.#rows;
    const before = rows.length;
    if (this.#decodeFrames === undefined) this.#decode(payload, message);
    else this.#decodeFrames(payload, message);
    if (this.#end === undefined) this.#begun();
    for (let i = before; i < rows.length; i++) this.#positions.push(position);
    this.#end = position;
    this.#bytes += payload.length;
    if (rows.length >= this.#maxRows || this.#bytes >= this.#maxBytes) this.handOn();
    if (this.#limit !== undefined) this.#count(this.#limit, rows.length - before);
  }

  advance(position: SourcePosition): void {
    if (this.#limit !== undefined && this.#limit.left <= 0) return;
    if (this.#end === undefined) this.#begun();
    this.#end = position;
  }

  #count(limit: RowLimit, taken: number): void {
    limit.left -= taken;
    if (limit.left > 0) return;
    this.handOn();
    limit.reached();
  }

  handOn(): void {
    if (this.#end === undefined) return;
    const batch: RecordBatch = { rows: this.#rows, split: this.#name, positions: this.#positions, end: this.#end };
    const bytes = this.#bytes;
    this.#rows = [];
    this.#positions = [];
    this.#end = undefined;
    this.#bytes = 0;
    this.handedOn = batch.end;
    this.#counters.rowsIn += batch.rows.length;
    this.#downstream.accept(batch, bytes);
  }

  #decode(payload: Uint8Array, message: Message): void {
    const rows = this.#rows;
    const before = rows.length;
    try {
      this.#decoder.decode(payload, rows);
      if (this.#metadataReaders.length > 0) this.#addMetadata(rows, before, message);
    } catch (error) {
      rows.length = before;
      this.#refuse(error, message);
    }
  }

  #addMetadata(rows: Row[], from: number, message: Message): void {
    const columns = this.#metadataColumns;
    const readers = this.#metadataReaders;
    for (let c = 0; c < readers.length; c++) {
      const value = (readers[c] as MetadataReader<Message>)(message);
      for (let i = from; i < rows.length; i++) (rows[i] as Row)[columns[c] as string] = value;
    }
  }

  /** One framing and one callback for all messages: the message at hand is a variable of theirs. */
  #compileFraming(config: FramingConfig): (payload: Uint8Array, message: Message) => void {
    let current: Message;
    const cut = createNewlineFraming(config, (error) => this.#refuse(error, current));
    const decodeFrame = (frame: Uint8Array): void => this.#decode(frame, current);
    return (payload, message) => {
      const before = this.#rows.length;
      current = message;
      try {
        cut(payload, decodeFrame);
      } catch (error) {
        this.#rows.length = before;
        throw error;
      }
    };
  }

  /** Counts a refused input; throws it with its place under `fail`, and anything that is no bad data in any case. */
  #refuse(error: unknown, message: Message): void {
    if (!isConnectorError(error) || error.exitCode !== 6) throw error;
    this.#counters.badRows += 1;
    if (this.#drops) return;
    throw new ConnectorError(error.code, `${this.#describe(message)}: ${error.message}`, {
      cause: error,
      context: error.context,
    });
  }
}
