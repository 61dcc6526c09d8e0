import { Writable } from "node:stream";
import type { WritableStream } from "node:stream/web";
import {
  abortable,
  ConnectorError,
  type OperatorContext,
  type OperatorCounters,
  type Row,
  type SinkOperator,
  toConnectorError,
} from "@x/connector-api";
import type { DirectEvents, EventListener, EventType } from "./direct-events.js";

/** Every wait takes a signal: it ends the wait with ABORTED, and changes nothing about the rows. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** What a {@link DirectSink} is made of: an operator that is open. */
export interface DirectSinkParts {
  readonly operator: SinkOperator;
  readonly context: OperatorContext;
  readonly stop: AbortController;
  readonly events: DirectEvents;
  /** How long `close` waits for confirmations. */
  readonly drainTimeoutMs: number;
}

/** A sink without a host. Rows are written in the order of the `write` calls, which may overlap. */
export class DirectSink<T> implements AsyncDisposable {
  readonly #parts: DirectSinkParts;
  #tail: Promise<void> | undefined;
  #barrier = 0;
  /** What a caller has been told already. */
  #reported: unknown;
  #closing: Promise<void> | undefined;

  constructor(parts: DirectSinkParts) {
    this.#parts = parts;
  }

  get counters(): Readonly<OperatorCounters> {
    return this.#parts.context.counters;
  }

  /**
   * Resolves when the rows are accepted: encoded, on their way, and kept until the server has confirmed them. Waits while
   * too many are unconfirmed; the rows must not be changed until then. Rejects with BAD_DATA or MESSAGE_TOO_LARGE for a row that is refused under `badData:
   * "fail"` (the rows before it are accepted, the ones behind it not), with the error that ended the sink, with CLOSED.
   */
  async write(rows: T | readonly T[], options: WaitOptions = {}): Promise<void> {
    this.#assertOpen();
    const list = (Array.isArray(rows) ? rows : [rows]) as readonly Row[];
    if (list.length === 0) return;
    const turn = this.#tail === undefined ? this.#process(list) : this.#tail.then(() => this.#process(list));
    if (turn === undefined) return;
    const tail: Promise<void> = turn
      .catch(() => {})
      .then(() => {
        if (this.#tail === tail) this.#tail = undefined;
      });
    this.#tail = tail;
    await this.#wait(turn, options.signal);
  }

  /** Resolves when the server has confirmed every row accepted before the call; rejects when it never will. */
  async flush(options: WaitOptions = {}): Promise<void> {
    this.#assertOpen();
    await this.#wait(this.#flush(false), options.signal);
  }

  /** A Node stream in object mode that writes here; its end flushes. */
  toWritable(): Writable {
    const finish = (work: Promise<void>, callback: (error?: Error | null) => void): void => {
      work.then(
        () => callback(),
        (error: unknown) => callback(toConnectorError(error)),
      );
    };
    return new Writable({
      objectMode: true,
      write: (row: T, _encoding, callback) => finish(this.write([row]), callback),
      writev: (chunks, callback) => finish(this.write(chunks.map(({ chunk }) => chunk as T)), callback),
      final: (callback) => finish(this.flush(), callback),
    });
  }

  /** The same as a web stream. */
  toWritableStream(): WritableStream<T> {
    return Writable.toWeb(this.toWritable()) as WritableStream<T>;
  }

  /** Calls the listener at each event until the returned function is called. */
  on<Type extends EventType>(type: Type, listener: EventListener<Type>): () => void {
    return this.#parts.events.on(type, listener);
  }

  /**
   * Flushes, then releases everything. Idempotent. Waits at most `drainTimeoutMs`, or until the signal aborts; rejects
   * when accepted rows stay unconfirmed and no `write` or `flush` has said so yet.
   */
  close(options: WaitOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options.signal);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    const timeout = AbortSignal.timeout(this.#parts.drainTimeoutMs);
    const limit = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    try {
      await abortable(this.#flush(true), limit);
    } catch (error) {
      if (limit.aborted) throw this.#unconfirmed(error);
      if (error !== this.#reported) throw error;
    } finally {
      this.#parts.stop.abort();
      await this.#parts.operator.close();
    }
  }

  #unconfirmed(cause: unknown): ConnectorError {
    const { rowsOut } = this.#parts.context.counters;
    const text = `closed before the server had confirmed all rows; it confirmed ${rowsOut}`;
    return new ConnectorError("SERVER_UNAVAILABLE", text, { cause, context: { rowsOut } });
  }

  /** Undefined when all rows went in at once. */
  #process(rows: readonly Row[]): Promise<void> | undefined {
    const batch = { rows, split: "direct", positions: new Array<number>(rows.length).fill(0), end: 0 };
    return this.#parts.operator.processBatch(batch) ?? undefined;
  }

  async #flush(final: boolean): Promise<void> {
    await this.#tail;
    await this.#parts.operator.flush({ checkpointId: ++this.#barrier, final });
  }

  async #wait(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    try {
      await abortable(work, signal);
    } catch (error) {
      if (!signal?.aborted) this.#reported = error;
      throw error;
    }
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ConnectorError("CLOSED", "the sink is closed");
  }
}
