import {
  ConnectorError,
  type Downstream,
  type RecordBatch,
  type SourceCollector,
  type SourceSnapshot,
} from "@x/connector-api";

/** A batch on its way to the reader, with the state of the source right behind it. */
export interface QueuedBatch {
  readonly batch: RecordBatch;
  readonly checkpointId: number;
  readonly snapshot: SourceSnapshot;
}

const MAX_BATCHES = 2;
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Stands between a source that pushes and a reader that pulls. Each batch gets a snapshot the moment it is handed on, so
 * that committing it says nothing about the batches behind it. Bounded in batches and bytes.
 */
export class BatchQueue implements Downstream {
  /** True when the reader waits and nothing is worth waiting for: a lone row is then handed on at once. */
  idle = false;
  readonly #snapshot: (checkpointId: number) => SourceSnapshot;
  readonly #items: { readonly queued: QueuedBatch; readonly bytes: number }[] = [];
  #bytes = 0;
  #checkpointId = 0;
  #ended: { readonly error: unknown } | undefined;
  #failure: unknown;
  #wakeReader = (): void => {};
  #roomWaiters: { resolve(): void; reject(error: unknown): void }[] = [];

  constructor(snapshot: (checkpointId: number) => SourceSnapshot) {
    this.#snapshot = snapshot;
  }

  accept(batch: RecordBatch, bytes: number): void {
    // Rows that were all refused: the next batch's snapshot covers them.
    if (batch.rows.length === 0 || this.#failure !== undefined) return;
    const checkpointId = ++this.#checkpointId;
    try {
      this.#items.push({ queued: { batch, checkpointId, snapshot: this.#snapshot(checkpointId) }, bytes });
      this.#bytes += bytes;
      this.#wakeReader();
    } catch (error) {
      this.fail(error);
    }
  }

  get hasRoom(): boolean {
    return this.#items.length < MAX_BATCHES && this.#bytes < MAX_BYTES;
  }

  room(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.hasRoom) return Promise.resolve();
    return new Promise((resolve, reject) => this.#roomWaiters.push({ resolve, reject }));
  }

  /** The input is over: what is queued is still given, then nothing more, or the error that ended it. */
  end(error?: unknown): void {
    this.#ended = { error };
    this.#wakeReader();
  }

  /** Reading ends with this error, at once. The first one counts. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#wakeReader();
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const waiter of waiters) waiter.reject(this.#failure);
  }

  /**
   * The next batch, or undefined at the end of the input. Waits up to `maxWaitMs` for a full one, then takes what there
   * is. One call at a time. Rejects with what the queue failed with, or ABORTED.
   */
  async take(collector: SourceCollector, maxWaitMs: number, signal?: AbortSignal): Promise<QueuedBatch | undefined> {
    let patient = maxWaitMs > 0;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (signal?.aborted) throw new ConnectorError("ABORTED", "stopped reading", { cause: signal.reason });
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#bytes -= item.bytes;
        const waiters = this.#roomWaiters;
        this.#roomWaiters = [];
        for (const waiter of waiters) waiter.resolve();
        return item.queued;
      }
      if (this.#ended?.error !== undefined) throw this.#ended.error;
      if (this.#ended !== undefined) return undefined;
      if (!patient) {
        collector.flush();
        if (this.#items.length > 0) continue;
        this.idle = true;
      }
      await this.#change(patient ? maxWaitMs : undefined, signal);
      patient = false;
      this.idle = false;
    }
  }

  /** Resolves when something has happened, or after a while. */
  #change(timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => done(), timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        this.#wakeReader = () => {};
        resolve();
      };
      signal?.addEventListener("abort", done, { once: true });
      this.#wakeReader = done;
    });
  }
}
