import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import {
  abortable,
  ConnectorError,
  createCounters,
  createSourceCollector,
  type Incarnation,
  type OperatorCounters,
  type SourceCollector,
  type SourceContext,
  type SourceOperator,
  type SourcePosition,
  toConnectorError,
} from "@x/connector-api";
import { BatchQueue, type QueuedBatch } from "./batch-queue.js";
import type { Commit } from "./commit.js";
import type { DirectEvents, EventListener, EventType } from "./direct-events.js";
import type { WaitOptions } from "./direct-sink.js";

/** Rows in order, and the way to say that they are done with. */
export interface Batch<T> {
  readonly rows: readonly T[];
  /** `positions[i]` is where row i came from. Opaque: to be stored and compared, nothing more. */
  readonly positions: readonly SourcePosition[];
  /**
   * Waits until the dead letters are confirmed, makes the position behind this batch durable, then acks it: a later
   * start begins behind it. Covers all batches before it as well. Rejects with COMMIT_ORDER for a batch that is
   * committed already, by itself or by a later one, with FENCED when a newer instance has taken over, with STATE_STORE
   * or the connection's error when it could not be kept (it, or a later one, may be committed again), with CLOSED after
   * `close`.
   */
  commit(options?: WaitOptions): Promise<void>;
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

/** What a {@link DirectSource} is made of: an operator that is open, and its way to commit. */
export interface DirectSourceParts {
  readonly operator: SourceOperator;
  readonly context: SourceContext;
  readonly commit: Commit;
  readonly events: DirectEvents;
  readonly stop: AbortController;
  /** Releases what was opened beside the operator. */
  release(): Promise<void>;
}

const CLOSE_TIMEOUT_MS = 5000;

/**
 * A source without a host. Rows are delivered at least once: those of batches that were not committed come again at the
 * next start. Iterating over the source itself gives single rows and commits each batch when the row behind it is asked
 * for, that is, when the loop is done with its last one.
 */
export class DirectSource<T> implements AsyncIterable<T>, AsyncDisposable {
  readonly #parts: DirectSourceParts;
  readonly #queue: BatchQueue;
  #collector: SourceCollector | undefined;
  #running: Promise<void> | undefined;
  #commits: Promise<unknown> = Promise.resolve();
  #committed = 0;
  /** The last batch handed out with all its rows. */
  #given: QueuedBatch | undefined;
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
    for await (const queued of this.#read(options)) {
      this.#given = queued;
      const { rows, positions } = queued.batch;
      yield {
        rows: rows as unknown as readonly T[],
        positions,
        commit: ({ signal } = {}) => this.#commit(queued, signal),
      };
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const queued of this.#read({})) {
      yield* queued.batch.rows as unknown as readonly T[];
      this.#given = queued;
      await this.#commit(queued);
    }
  }

  /**
   * Commits every batch handed out so far, of a stream every one whose rows have all been read from it. For when what
   * was read is safe as a whole, as after a `pipeline` of streams.
   */
  async commit({ signal }: WaitOptions = {}): Promise<void> {
    this.#assertOpen();
    const given = this.#given;
    if (given !== undefined && given.checkpointId > this.#committed) await this.#commit(given, signal);
  }

  /**
   * The rows as a Node stream in object mode. It commits nothing, because a stream hands rows on before they are dealt
   * with: call {@link DirectSource.commit} when they are.
   */
  toReadable(options: BatchOptions = {}): Readable {
    return Readable.from(this.#rows(options), { objectMode: true });
  }

  /** The same as a web stream. */
  toReadableStream(options: BatchOptions = {}): ReadableStream<T> {
    return Readable.toWeb(this.toReadable(options)) as ReadableStream<T>;
  }

  /** Calls the listener at each event until the returned function is called. */
  on<Type extends EventType>(type: Type, listener: EventListener<Type>): () => void {
    return this.#parts.events.on(type, listener);
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
    await this.#parts.release();
  }

  async *#rows(options: BatchOptions): AsyncGenerator<T, void, undefined> {
    for await (const queued of this.#read(options)) {
      yield* queued.batch.rows as unknown as readonly T[];
      this.#given = queued;
    }
  }

  async *#read({ maxRows = 1000, maxWaitMs = 0, signal }: BatchOptions): AsyncGenerator<QueuedBatch, void, undefined> {
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
        yield queued;
      }
    } finally {
      this.#reading = false;
    }
  }

  #start(maxRows: number): SourceCollector {
    this.#assertOpen();
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

  async #commit({ checkpointId, snapshot }: QueuedBatch, signal?: AbortSignal): Promise<void> {
    this.#assertOpen();
    const before = this.#committed;
    if (checkpointId <= before) {
      const text = "this batch is committed already, by itself or by a later one";
      throw new ConnectorError("COMMIT_ORDER", text, { context: { batch: checkpointId, committed: before } });
    }
    this.#committed = checkpointId;
    const commit = this.#commits.then(() => this.#parts.commit(checkpointId, snapshot));
    this.#commits = commit.catch((error: unknown) => {
      // Unless a later one was begun, this one may be tried again.
      if (this.#committed === checkpointId) this.#committed = before;
      if (toConnectorError(error).code === "FENCED") this.#fail(toConnectorError(error));
    });
    await abortable(commit, signal);
  }

  #assertOpen(): void {
    if (this.#state === "closed") throw new ConnectorError("CLOSED", "the source is closed");
  }

  #fail(error: ConnectorError): void {
    this.#become("failed");
    this.#queue.fail(error);
  }

  #become(state: SourceState): void {
    if (this.#state !== "closed") this.#state = state;
  }
}

/** The context of a source without a host. */
export function sourceContext(
  incarnation: Incarnation,
  { signal, logger, onEvent }: Pick<SourceContext, "signal" | "logger" | "onEvent">,
  untilCaughtUp: boolean,
): SourceContext {
  return {
    identity: incarnation.identity,
    signal,
    logger,
    onEvent,
    counters: createCounters(),
    assertCurrent: () => incarnation.assertCurrent(),
    restored: incarnation.restored,
    drain: new AbortController().signal,
    untilCaughtUp,
  };
}
