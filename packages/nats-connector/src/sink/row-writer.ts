import {
  ConnectorError,
  type OperatorCounters,
  type RecordBatch,
  type Row,
  refusedRow,
  type SinkEncoder,
  type SourcePosition,
} from "@x/connector-api";
import type { HeaderEncoder } from "./encoded-headers.js";
import type { Publisher } from "./publisher.js";
import type { SubjectTemplate } from "./subject-template.js";

export interface RowWriterOptions {
  readonly encoder: SinkEncoder;
  readonly subject: SubjectTemplate;
  readonly headers: HeaderEncoder;
  readonly publisher: Publisher;
  readonly counters: Pick<OperatorCounters, "bytesOut" | "inFlight">;
  /** What the server takes at most, headers included. Asked once per batch: a reconnect may change it. */
  readonly maxMessageBytes: () => number;
}

/** Turns rows into messages and hands them to a publisher, as far as it has room. */
export class RowWriter {
  readonly #options: RowWriterOptions;
  /** Index of the first row of the input at hand. */
  #inputAt = 0;
  #bytes = 0;

  constructor(options: RowWriterOptions) {
    this.#options = options;
  }

  /**
   * Takes all rows over, in order: at once and without a promise when there is room for them. Rejects with the error of
   * a refused row under `bad_data = 'fail'` (rows before it are taken over), or with what the publisher failed with.
   */
  write(batch: RecordBatch): void | Promise<void> {
    const { publisher } = this.#options;
    let next: number;
    this.#inputAt = 0;
    try {
      next = this.#writeFrom(batch, publisher.begin?.(batch) ?? 0);
    } catch (error) {
      return Promise.reject(error);
    }
    if (next === batch.rows.length && publisher.hasRoom) return undefined;
    return this.#writeRest(batch, next);
  }

  async #writeRest(batch: RecordBatch, from: number): Promise<void> {
    const { publisher } = this.#options;
    for (let next = from; ; next = this.#writeFrom(batch, next)) {
      if (!publisher.hasRoom) await publisher.room();
      if (next === batch.rows.length) return;
    }
  }

  /** Writes rows until there are no more or there is no room; returns the index of the first one left. */
  #writeFrom(batch: RecordBatch, from: number): number {
    const { publisher, counters } = this.#options;
    const before = this.#bytes;
    try {
      return this.#writeWhileRoom(batch, from);
    } finally {
      counters.bytesOut += this.#bytes - before;
      counters.inFlight = publisher.inFlight ?? 0;
    }
  }

  #writeWhileRoom(batch: RecordBatch, from: number): number {
    const { rows, positions } = batch;
    const trace = traceLines(batch);
    const { encoder, subject: template, headers: headerEncoder, publisher } = this.#options;
    const maxBytes = this.#options.maxMessageBytes();
    for (let i = from; i < rows.length; i++) {
      if (!publisher.hasRoom) return i;
      const row = rows[i] as Readonly<Row>;
      const position = positions[i] as SourcePosition;
      if (position !== positions[this.#inputAt]) this.#inputAt = i;
      const payload = encoder.encode(row, batch, i);
      if (payload === undefined) continue;
      let subject: string;
      let headers: Uint8Array | undefined;
      try {
        subject = template.subject(row);
        headers = headerEncoder.encode(row, position, i - this.#inputAt);
        if (trace !== undefined) headers = withLines(headers, trace);
        const bytes = headers === undefined ? payload.length : payload.length + headers.length;
        if (bytes > maxBytes) throw tooLarge(subject, bytes, maxBytes);
      } catch (error) {
        encoder.refuse(error, refusedRow(batch, i));
        continue;
      }
      this.#bytes += payload.length;
      publisher.add(subject, payload, headers, position, i - this.#inputAt);
    }
    publisher.end?.(batch);
    return rows.length;
  }
}

const START = "NATS/1.0\r\n";
const END = "\r\n";

/** The trace context of a batch as header lines. */
function traceLines({ traceparent, tracestate }: RecordBatch): string | undefined {
  if (traceparent === undefined) return undefined;
  return `traceparent: ${traceparent}\r\n${tracestate === undefined ? "" : `tracestate: ${tracestate}\r\n`}`;
}

/** A header block with more lines in it. */
function withLines(headers: Uint8Array | undefined, lines: string): Uint8Array {
  if (headers === undefined) return Buffer.from(START + lines + END);
  return Buffer.concat([headers.subarray(0, headers.length - END.length), Buffer.from(lines + END)]);
}

function tooLarge(subject: string, bytes: number, maxBytes: number): ConnectorError {
  return new ConnectorError(
    "MESSAGE_TOO_LARGE",
    `a message to "${subject}" has ${bytes} bytes with its headers, more than the ${maxBytes} that the server takes`,
    { context: { subject, bytes, maxBytes } },
  );
}
