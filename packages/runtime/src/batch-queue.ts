import type { Barrier, Downstream, RecordBatch } from "@x/connector-api";

/** What waits between a source and a sink: batches in order, with barriers among them. */
export type QueueItem =
  | { readonly kind: "batch"; readonly batch: RecordBatch; readonly bytes: number }
  | { readonly kind: "barrier"; readonly barrier: Barrier; readonly reached: (flushed: Promise<void>) => void };

/** Empty places at the head before the rest moves up: more than most queues ever hold. */
const MAX_TAKEN = 4096;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface BatchQueueLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

/**
 * The bounded queue of one pipeline. The source side never waits to put (it looks at `hasRoom` before it asks for
 * more), so the bound is exceeded by at most what the source had already asked for. One reader.
 */
export class BatchQueue implements Downstream {
  readonly #limits: BatchQueueLimits;
  /** Undefined below the head. */
  #items: (QueueItem | undefined)[] = [];
  #head = 0;
  #rows = 0;
  #bytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #wakeReader: (() => void) | undefined;
  #waitingForRoom: Waiting[] = [];
  readonly #openBarriers = new Set<Waiting>();

  constructor(limits: BatchQueueLimits) {
    this.#limits = limits;
  }

  accept(batch: RecordBatch, bytes: number): void {
    this.#rows += batch.rows.length;
    this.#bytes += bytes;
    this.#put({ kind: "batch", batch, bytes });
  }

  /** Resolves when the barrier came out at the other end and the flush begun there is done; rejects after `fail`. */
  async putBarrier(barrier: Barrier): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    await new Promise<void>((resolve, reject) => {
      const waiting = { resolve, reject };
      this.#openBarriers.add(waiting);
      const settle = (): boolean => this.#openBarriers.delete(waiting);
      this.#put({
        kind: "barrier",
        barrier,
        reached: (flushed) => {
          flushed.finally(settle).then(resolve, reject);
        },
      });
    });
  }

  /** True when the reader waits for something to arrive. */
  get idle(): boolean {
    return this.#wakeReader !== undefined;
  }

  get hasRoom(): boolean {
    return this.#rows < this.#limits.maxRows && this.#bytes < this.#limits.maxBytes;
  }

  async room(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.hasRoom) return;
    await new Promise<void>((resolve, reject) => this.#waitingForRoom.push({ resolve, reject }));
  }

  /**
   * The next item; undefined when the queue is empty right now. Batches of one split that follow one another come as one,
   * up to `mergedRows` rows.
   */
  take(mergedRows = 0): QueueItem | undefined {
    const first = this.#shift();
    if (first?.kind !== "batch") return first;
    const batches = [first.batch];
    let bytes = first.bytes;
    let rows = first.batch.rows.length;
    for (;;) {
      const next = this.#items[this.#head];
      if (next?.kind !== "batch" || next.batch.split !== first.batch.split) break;
      rows += next.batch.rows.length;
      if (rows > mergedRows) break;
      this.#shift();
      batches.push(next.batch);
      bytes += next.bytes;
    }
    return batches.length === 1 ? first : { kind: "batch", batch: merge(batches), bytes };
  }

  #shift(): QueueItem | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    // A queue that never runs empty must not keep what was taken.
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length || this.#head === MAX_TAKEN) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    if (item.kind === "batch") {
      this.#rows -= item.batch.rows.length;
      this.#bytes -= item.bytes;
      if (this.#waitingForRoom.length > 0 && this.hasRoom) {
        for (const waiting of this.#waitingForRoom.splice(0)) waiting.resolve();
      }
    }
    return item;
  }

  /** Waits until something arrives: true, or until the queue has ended and is empty: false. Rejects after `fail`. */
  async arrival(): Promise<boolean> {
    while (this.#head === this.#items.length) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended) return false;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return true;
  }

  /** Nothing more will be put. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Ends every wait on either side with `error`. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
    for (const waiting of this.#waitingForRoom.splice(0)) waiting.reject(error);
    for (const waiting of this.#openBarriers) waiting.reject(error);
    this.#openBarriers.clear();
  }

  #put(item: QueueItem): void {
    this.#items.push(item);
    this.#wake();
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}

function merge(batches: readonly RecordBatch[]): RecordBatch {
  const last = batches.at(-1) as RecordBatch;
  const { traceparent, tracestate } = batches.find((batch) => batch.traceparent !== undefined) ?? last;
  return {
    rows: batches.flatMap((batch) => batch.rows),
    split: last.split,
    positions: batches.flatMap((batch) => batch.positions),
    end: last.end,
    ...(traceparent === undefined ? {} : { traceparent, tracestate }),
  };
}
