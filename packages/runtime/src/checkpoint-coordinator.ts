import { setTimeout as sleep } from "node:timers/promises";
import {
  type Barrier,
  ConnectorError,
  type Incarnation,
  isConnectorError,
  type Logger,
  type SourceOperator,
  type SourceSnapshot,
  toConnectorError,
} from "@x/connector-api";
import type { BatchQueue } from "./batch-queue.js";
import { type CheckpointEvent, checkpointChannel } from "./diagnostics.js";
import { type PipelineTracer, within } from "./telemetry/pipeline-tracer.js";

/** Store failures in a row after which a pipeline gives up: until then it runs on and repeats more after a crash. */
const MAX_FAILED_CHECKPOINTS = 5;
/** After a failure the next attempt waits, twice as long each time: a disk is not emptied within a second. */
const RETRY_MS = { first: 200, last: 10_000 };

export interface CheckpointCoordinatorOptions {
  /** For events and spans. */
  readonly pipeline: string;
  readonly tracer?: PipelineTracer | undefined;
  readonly intervalMs: number;
  readonly source: SourceOperator;
  readonly incarnation: Incarnation;
  readonly queue: BatchQueue;
  /** Hands on what the collector has begun, so that it belongs to the checkpoint. */
  readonly flushCollector: () => void;
  /** Rows handed on so far. */
  readonly rowsIn: () => number;
  readonly logger: Logger;
  /** Ends the wait for another attempt. */
  readonly signal: AbortSignal;
  /** Called once with the error that a checkpoint in the background failed with for good. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Sends barriers through the queue and turns them into durable checkpoints: snapshot → everything before it flushed by
 * the sink and by the source → stored → acked by the source. One checkpoint is under way at a time; reading and writing go on meanwhile.
 */
export class CheckpointCoordinator {
  /** Durable checkpoints of this run. */
  completed = 0;
  /** Rows that the last of them covers. */
  durableRows = 0;
  /** When the last one became durable, on the clock of `performance`, which nobody sets. */
  completedAt = performance.now();
  /** Checkpoints that failed, those that are tried again included. */
  failed = 0;
  /** How long the last durable one took, from its snapshot on. */
  lastMs: number | undefined;
  /** The same of all of them together. */
  totalMs = 0;
  readonly #options: CheckpointCoordinatorOptions;
  #nextId = 0;
  #failed = 0;
  /** The snapshot that is durable, as text. */
  #saved = "";
  #timer: NodeJS.Timeout | undefined;
  /** The end of the checkpoints begun and waiting; never rejects. */
  #last: Promise<void> = Promise.resolve();
  /** The one that waits for those before it; whoever asks now is served by it. */
  #waiting: Promise<void> | undefined;
  #underWay = false;
  /** No checkpoint of the timer's begins before. */
  #notBefore = 0;

  constructor(options: CheckpointCoordinatorOptions) {
    this.#options = options;
  }

  /** Checkpoint 0 pins the resolved start before the first row: nothing is in the queue, nothing to flush. */
  async saveStart(): Promise<void> {
    const id = this.#nextId++;
    await this.#save(id, this.#options.source.snapshot(id), performance.now());
  }

  /** Begins a checkpoint at each interval until `stop`. */
  start(): void {
    this.#timer = setInterval(() => {
      if (!this.#underWay && performance.now() >= this.#notBefore) this.request().catch(() => {});
    }, this.#options.intervalMs);
  }

  /** A checkpoint now, or behind the one under way. A failure for good is also the pipeline's. */
  request(): Promise<void> {
    if (this.#waiting !== undefined) return this.#waiting;
    this.#waiting = this.#inTurn(false);
    this.#waiting.catch((error: unknown) => this.#options.onFailure(error));
    return this.#waiting;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The last checkpoint of a run: waits for those asked for, then makes one that nothing follows. */
  async saveFinal(): Promise<void> {
    this.stop();
    await this.#inTurn(true);
  }

  /** One at a time, in the order asked for. */
  #inTurn(final: boolean): Promise<void> {
    const running = this.#last.then(async () => {
      this.#waiting = undefined;
      this.#underWay = true;
      await this.#run(final);
    });
    this.#last = running
      .catch(() => {})
      .then(() => {
        this.#underWay = false;
      });
    return running;
  }

  async #run(final: boolean): Promise<void> {
    const { flushCollector, source } = this.#options;
    const checkpointId = this.#nextId++;
    const startedAt = performance.now();
    flushCollector();
    const snapshot = source.snapshot(checkpointId);
    const rows = this.#options.rowsIn();
    if (!final && textOf(snapshot) === this.#saved) return this.#unchanged(checkpointId);
    const barrier = { checkpointId, final };
    const span = this.#options.tracer?.startCheckpoint({ pipeline: this.#options.pipeline, checkpointId });
    const take = (): Promise<void> => this.#take(snapshot, barrier, { rows, startedAt });
    await (span === undefined ? take() : within(span, take));
  }

  async #take(
    snapshot: SourceSnapshot,
    barrier: Barrier,
    { rows, startedAt }: { readonly rows: number; readonly startedAt: number },
  ): Promise<void> {
    const { source, queue, logger } = this.#options;
    const { checkpointId, final } = barrier;
    const told = { pipeline: this.#options.pipeline, checkpointId };
    // The source flushes what it wrote for refused input, the sink what it was given: neither waits for the other.
    await Promise.all([queue.putBarrier(barrier), source.flush?.(barrier)]);
    for (;;) {
      try {
        const durationMs = await this.#save(checkpointId, snapshot, startedAt);
        this.durableRows = rows;
        this.#failed = 0;
        if (checkpointChannel.hasSubscribers) {
          checkpointChannel.publish({ ...told, outcome: "durable", durationMs } satisfies CheckpointEvent);
        }
        return;
      } catch (error) {
        if (checkpointChannel.hasSubscribers) {
          const { code } = toConnectorError(error);
          const durationMs = performance.now() - startedAt;
          checkpointChannel.publish({ ...told, outcome: "failed", durationMs, code } satisfies CheckpointEvent);
        }
        const delayMs = this.#delayAfter(error);
        logger.warn(
          { checkpointId, code: toConnectorError(error).code, delayMs },
          `checkpoint ${checkpointId} failed and is tried again: ${toConnectorError(error).message}`,
        );
        // The next barrier covers this one; behind the last one comes none.
        if (!final) return;
        await sleep(delayMs, undefined, { signal: this.#options.signal });
      }
    }
  }

  /** How long to wait after a failure. Throws what is final, and what has failed too often: no restart mends a store. */
  #delayAfter(error: unknown): number {
    this.failed += 1;
    this.#failed += 1;
    if (!isConnectorError(error) || error.retry !== "backoff") throw error;
    if (this.#failed >= MAX_FAILED_CHECKPOINTS) {
      const { code, message, context } = error;
      throw new ConnectorError(code, message, { retry: "never", cause: error, context });
    }
    const delayMs = Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** (this.#failed - 1));
    this.#notBefore = performance.now() + delayMs;
    return delayMs;
  }

  /** Nothing has moved since the last checkpoint: what it holds is durable, so nothing is written again. */
  async #unchanged(checkpointId: number): Promise<void> {
    await this.#options.incarnation.assertCurrent();
    await this.#complete(checkpointId);
  }

  /** Resolves to how long it took. It counts as soon as it is durable: its ack may wait for a server that is away. */
  async #save(checkpointId: number, snapshot: SourceSnapshot, startedAt: number): Promise<number> {
    await this.#options.incarnation.save(checkpointId, snapshot);
    const tookMs = performance.now() - startedAt;
    this.#saved = textOf(snapshot);
    this.completed += 1;
    this.lastMs = tookMs;
    this.totalMs += tookMs;
    await this.#complete(checkpointId);
    return tookMs;
  }

  async #complete(checkpointId: number): Promise<void> {
    this.completedAt = performance.now();
    try {
      await this.#options.source.checkpointCompleted(checkpointId);
    } catch (error) {
      if (isConnectorError(error) && error.code === "PERMISSION_DENIED") throw error;
      const message = error instanceof Error ? error.message : String(error);
      this.#options.logger.warn(
        { checkpointId },
        `ack after checkpoint ${checkpointId} failed; a later one covers it: ${message}`,
      );
    }
  }
}

const textOf = (snapshot: SourceSnapshot): string => JSON.stringify([...snapshot]);
