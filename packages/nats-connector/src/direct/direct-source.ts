import { Readable } from "node:stream";
import {
  ConnectorError,
  createCounters,
  createSourceCollector,
  type Incarnation,
  type Logger,
  type OperatorCounters,
  type SourceCollector,
  type SourceContext,
  type SourceOperator,
  type SourcePosition,
  toConnectorError,
} from "@x/connector-api";
import { BatchQueue, type QueuedBatch } from "./batch-queue.js";

/** Rows in order, and the way to say that they are done with. */
export interface Batch<T> {
  readonly rows: readonly T[];
  /** `positions[i]` is where row i came from. Opaque: to be stored and compared, nothing more. */
  readonly positions: readonly SourcePosition[];
  /**
   * Waits until the dead letters are confirmed, makes the position behind this batch durable, then acks it: a later
   * start begins behind it. Covers all batches before it as well. Rejects with COMMIT_ORDER for a batch that is committed already, by itself or by a later one, with
   * FENCED when a newer instance has taken over, with STATE_STORE when the store failed (a later commit may succeed),
   * with CLOSED after `close`.
   */
  commit(): Promise<void>;
}

export interface BatchOptions {
  /** Most rows of a batch. The first call of `batches` sets it for the life of the source. Default 1000. */
  readonly maxRows?: number;
  /** How long to wait for a batch to fill, from when it is asked for. Default 0: take what there is. */
  readonly maxWaitMs?: number;
  /** Ends the waiting with ABORTED. */
  readonly signal?: AbortSignal;
}

export type SourceState = "open" | "reading" | "ended" | "failed" | "closed";

/** What a {@link DirectSource} is made of: an operator that is open, and its incarnation. */
export interface DirectSourceParts {
  readonly operator: SourceOperator;
  readonly context: SourceContext;
  readonly incarnation: Incarnation;
  readonly stop: AbortController;
}

const CLOSE_TIMEOUT_MS = 5000;

/**
 * A source without a host. Rows are delivered at least once: those of batches that were not committed come again at the
 * next start. Iterating over the source itself gives single rows and commits each batch when the row behind it is asked
 * for.
 */
export class DirectSource<T> implements AsyncIterable<T>, AsyncDisposable {
  readonly #parts: DirectSourceParts;
  readonly #queue: BatchQueue;
  #collector: SourceCollector | undefined;
  #running: Promise<void> | undefined;
  #commits: Promise<unknown> = Promise.resolve();
  #committed = 0;
  #reading = false;
  #state: SourceState = "open";
  #closing: Promise<void> | undefined;

  constructor(parts: DirectSourceParts) {
    this.#parts = parts;
    this.#queue = new BatchQueue((checkpointId) => parts.operator.snapshot(checkpointId));
  }

  get state(): SourceState {
    return this.#state;
  }

  get counters(): Readonly<OperatorCounters> {
    return this.#parts.context.counters;
  }

  /**
   * The batches, from where the last commit of this name stands. One loop at a time; breaking out of it keeps the source
   * open, and a later call goes on with the next batch. Ends when the input does (`untilCaughtUp`); throws what ended
   * the source otherwise.
   */
  async *batches(options: BatchOptions = {}): AsyncGenerator<Batch<T>, void, undefined> {
    const { maxRows = 1000, maxWaitMs = 0, signal } = options;
    if (!Number.isSafeInteger(maxRows) || maxRows < 1) {
      throw new ConnectorError("OPTION_INVALID", `maxRows: expected an integer above 0, got ${maxRows}`);
    }
    if (this.#reading) throw new ConnectorError("USAGE", "a loop over this source is still going on");
    this.#reading = true;
    try {
      const collector = this.#start(maxRows);
      for (;;) {
        const queued = await this.#queue.take(collector, maxWaitMs, signal);
        if (queued === undefined) return;
        yield this.#batchOf(queued);
      }
    } finally {
      this.#reading = false;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const batch of this.batches()) {
      yield* batch.rows;
      await batch.commit();
    }
  }

  /** The rows as a Node stream in object mode, committed as by iteration. */
  toReadable(): Readable {
    return Readable.from(this, { objectMode: true });
  }

  /** Waits for commits under way, then stops reading and releases everything. What was not committed comes again. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#state = "closed";
    this.#queue.fail(new ConnectorError("CLOSED", "the source is closed"));
    // A commit may wait for dead letters that nobody takes: not for ever.
    const patience = setTimeout(() => this.#parts.stop.abort(), CLOSE_TIMEOUT_MS);
    await this.#commits;
    clearTimeout(patience);
    this.#parts.stop.abort();
    await this.#running;
    await this.#parts.operator.close();
  }

  #start(maxRows: number): SourceCollector {
    if (this.#state === "closed") throw new ConnectorError("CLOSED", "the source is closed");
    if (this.#collector !== undefined) return this.#collector;
    const { operator, context } = this.#parts;
    const collector = createSourceCollector({ downstream: this.#queue, counters: context.counters, maxRows });
    this.#collector = collector;
    this.#state = "reading";
    this.#running = operator.run(context, collector).then(
      (finish) => {
        if (finish === "final") {
          this.#become("ended");
          this.#queue.end();
        } else this.#fail(new ConnectorError("ABORTED", "stopped", { cause: context.signal.reason }));
      },
      (error: unknown) => {
        // Batches from before the failure are whole: they come first.
        this.#become("failed");
        this.#queue.end(toConnectorError(error));
      },
    );
    return collector;
  }

  #batchOf(queued: QueuedBatch): Batch<T> {
    const { rows, positions } = queued.batch;
    return { rows: rows as unknown as readonly T[], positions, commit: () => this.#commit(queued) };
  }

  async #commit({ checkpointId, snapshot }: QueuedBatch): Promise<void> {
    if (this.#state === "closed") throw new ConnectorError("CLOSED", "the source is closed");
    if (checkpointId <= this.#committed) {
      const text = "this batch is committed already, by itself or by a later one";
      throw new ConnectorError("COMMIT_ORDER", text, { context: { batch: checkpointId, committed: this.#committed } });
    }
    this.#committed = checkpointId;
    const commit = this.#commits.then(() => saveAndAck(this.#parts, checkpointId, snapshot));
    this.#commits = commit.catch((error: unknown) => {
      if (toConnectorError(error).code === "FENCED") this.#fail(toConnectorError(error));
    });
    await commit;
  }

  #fail(error: ConnectorError): void {
    this.#become("failed");
    this.#queue.fail(error);
  }

  #become(state: SourceState): void {
    if (this.#state !== "closed") this.#state = state;
  }
}

/** What the source wrote itself is confirmed, then it is durable, then acked. A failed ack: a later one covers it. */
export async function saveAndAck(
  { operator, context, incarnation }: DirectSourceParts,
  checkpointId: number,
  snapshot: QueuedBatch["snapshot"],
): Promise<void> {
  await operator.flush?.({ checkpointId, final: false });
  await incarnation.save(checkpointId, snapshot);
  await operator.checkpointCompleted(checkpointId).catch((error: unknown) => {
    const { code, message } = toConnectorError(error);
    if (code === "PERMISSION_DENIED") throw error;
    context.logger.warn({ code, checkpointId }, `cannot ack a checkpoint; a later one covers it: ${message}`);
  });
}

/** The context of a source without a host. */
export function sourceContext(
  incarnation: Incarnation,
  signal: AbortSignal,
  logger: Logger,
  untilCaughtUp: boolean,
): SourceContext {
  return {
    identity: incarnation.identity,
    signal,
    logger,
    counters: createCounters(),
    assertCurrent: () => incarnation.assertCurrent(),
    restored: incarnation.restored,
    drain: new AbortController().signal,
    untilCaughtUp,
  };
}
