import type { DeadLetters, RefusedInput } from "./dead-letters.js";
import { ConnectorError, isConnectorError } from "./errors.js";
import type { Decoder } from "./format.js";
import { createNewlineFraming, type FramingConfig, lineNumberOf } from "./framing.js";
import { type DecoderWaits, type HeldInputs, holdInputs } from "./held-inputs.js";
import type { OperatorCounters } from "./operator-context.js";
import type { RecordBatch, SourcePosition } from "./record-batch.js";
import type { Row } from "./row.js";
import type { Deserialization, Downstream, MetadataReader, SplitCollector } from "./source-collector.js";
import type { TraceContext } from "./trace-context.js";

/** Rows that may still be taken. Shared by all splits. */
export interface RowLimit {
  left: number;
  readonly reached: () => void;
}

/** What all splits of a collector share. */
export interface SplitSetting {
  readonly downstream: Downstream;
  readonly counters: OperatorCounters;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly limit: RowLimit | undefined;
  readonly waits: DecoderWaits;
  readonly traces: boolean;
  /** Called when a batch begins. */
  readonly begun: () => void;
}

/** Decodes the input of one split and gathers its rows into batches. `collect` runs once per message. */
export class SplitBatcher<Message> implements SplitCollector<Message> {
  handedOn: SourcePosition | undefined;
  readonly #name: string;
  readonly #decoder: Decoder;
  readonly #metadataColumns: readonly string[];
  readonly #metadataReaders: readonly MetadataReader<Message>[];
  readonly #describe: (message: Message) => string;
  readonly #drops: boolean;
  readonly #deadLetters: DeadLetters<RefusedInput<Message>> | undefined;
  readonly #decodeFrames: ((payload: Uint8Array, message: Message) => void) | undefined;
  readonly #downstream: Downstream;
  readonly #counters: OperatorCounters;
  readonly #maxRows: number;
  readonly #maxBytes: number;
  readonly #limit: RowLimit | undefined;
  /** Undefined for a decoder that is always ready. */
  readonly #held: HeldInputs<Message> | undefined;
  readonly #begun: () => void;
  #rows: Row[] = [];
  #positions: SourcePosition[] = [];
  #end: SourcePosition | undefined;
  #bytes = 0;
  readonly #traceOf: ((message: Message) => TraceContext | undefined) | undefined;
  #trace: TraceContext | undefined;
  /** The message whose lines are being decoded; undefined without framing. */
  #framed: Uint8Array | undefined;

  constructor(name: string, deserialization: Deserialization<Message>, setting: SplitSetting) {
    this.#name = name;
    this.#decoder = deserialization.decoder;
    this.#metadataColumns = deserialization.metadata.map(([column]) => column);
    this.#metadataReaders = deserialization.metadata.map(([, read]) => read);
    this.#describe = deserialization.describe;
    this.#drops = deserialization.badData.behavior === "drop";
    this.#deadLetters = deserialization.deadLetters;
    this.#decodeFrames = deserialization.framing && this.#compileFraming(deserialization.framing);
    this.#downstream = setting.downstream;
    this.#counters = setting.counters;
    this.#maxRows = setting.maxRows;
    this.#maxBytes = setting.maxBytes;
    this.#limit = setting.limit;
    this.#begun = setting.begun;
    this.#traceOf = setting.traces ? deserialization.traceOf : undefined;
    this.#held = holdInputs(deserialization.decoder, setting.waits, {
      take: (payload, position, message) => this.#take(payload, position, message),
      moveTo: (position) => this.#moveTo(position),
    });
  }

  collect(payload: Uint8Array, position: SourcePosition, message: Message): void {
    if (this.#held?.holds(payload, position, message) === true) return;
    this.#take(payload, position, message);
  }

  #take(payload: Uint8Array, position: SourcePosition, message: Message): void {
    if (this.#limit !== undefined && this.#limit.left <= 0) return;
    const rows = this.#rows;
    const before = rows.length;
    if (this.#decodeFrames === undefined) this.#decode(payload, message);
    else this.#decodeFrames(payload, message);
    if (this.#end === undefined) this.#begin(message);
    for (let i = before; i < rows.length; i++) this.#positions.push(position);
    this.#end = position;
    this.#bytes += payload.length;
    if (rows.length >= this.#maxRows || this.#bytes >= this.#maxBytes) this.handOn();
    if (this.#limit !== undefined) this.#count(this.#limit, rows.length - before);
  }

  advance(position: SourcePosition): void {
    if (this.#held?.holdsAdvance(position) === true) return;
    this.#moveTo(position);
  }

  #moveTo(position: SourcePosition): void {
    if (this.#limit !== undefined && this.#limit.left <= 0) return;
    if (this.#end === undefined) this.#begun();
    this.#end = position;
  }

  #begin(message: Message): void {
    if (this.#traceOf !== undefined) this.#trace = this.#traceOf(message);
    this.#begun();
  }

  #count(limit: RowLimit, taken: number): void {
    limit.left -= taken;
    if (limit.left > 0) return;
    this.handOn();
    limit.reached();
  }

  handOn(): void {
    if (this.#end === undefined) return;
    const own = { rows: this.#rows, split: this.#name, positions: this.#positions, end: this.#end };
    const batch: RecordBatch = this.#trace === undefined ? own : { ...own, ...this.#trace };
    const bytes = this.#bytes;
    this.#rows = [];
    this.#positions = [];
    this.#end = undefined;
    this.#bytes = 0;
    this.#trace = undefined;
    this.handedOn = batch.end;
    this.#counters.rowsIn += batch.rows.length;
    this.#counters.bytesIn += bytes;
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
      this.#refuse(error, payload, message);
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
    const cut = createNewlineFraming(config, (error, line) => this.#refuse(error, line, current));
    const decodeFrame = (frame: Uint8Array): void => this.#decode(frame, current);
    return (payload, message) => {
      const before = this.#rows.length;
      current = message;
      this.#framed = payload;
      try {
        cut(payload, decodeFrame);
      } catch (error) {
        this.#rows.length = before;
        throw error;
      }
    };
  }

  /** Counts a refused input; throws it with its place under `fail`, and anything that is no bad data in any case. */
  #refuse(error: unknown, payload: Uint8Array, message: Message): void {
    if (!isConnectorError(error) || error.exitCode !== 6) throw error;
    this.#counters.badRows += 1;
    if (this.#drops) return;
    if (this.#deadLetters !== undefined) {
      const line = this.#framed && lineNumberOf(this.#framed, payload);
      this.#deadLetters.add(error, { payload, line, message });
      return;
    }
    throw new ConnectorError(error.code, `${this.#describe(message)}: ${error.message}`, {
      cause: error,
      context: error.context,
    });
  }
}
