import { setTimeout as sleep } from "node:timers/promises";
import {
  abortable,
  assertNewest,
  ConnectorError,
  createCounters,
  createSourceCollector,
  type Downstream,
  type Identity,
  type Logger,
  type OperatorContext,
  openIncarnation,
  type RecordBatch,
  type SinkContext,
  type SourceCollector,
  type SourceContext,
  type SourcePosition,
  silentLogger,
  toConnectorError,
} from "@x/connector-api";
import { BatchQueue } from "./batch-queue.js";
import { CheckpointCoordinator } from "./checkpoint-coordinator.js";
import { type BatchEvent, batchChannel, type PipelineEvent, pipelineChannel } from "./diagnostics.js";
import type {
  CheckpointNumbers,
  PipelineOperators,
  PipelineSpec,
  PipelineState,
  RunningPipeline,
} from "./pipeline-spec.js";
import { type PipelineSummary, summarize } from "./pipeline-summary.js";
import { defaultRestart, restartDelay } from "./restart-policy.js";
import { type PipelineTracer, within } from "./telemetry/pipeline-tracer.js";

/** Rows and payload bytes that may wait between source and sink. */
const QUEUE_LIMITS = { maxRows: 8192, maxBytes: 16 * 1024 * 1024 };

/** Starts a pipeline and returns at once. */
export function startPipeline(spec: PipelineSpec): RunningPipeline {
  const pipeline = new Pipeline(spec);
  const finished = pipeline.run();
  return {
    name: spec.name,
    get state() {
      return pipeline.state;
    },
    get checkpoints() {
      return pipeline.checkpoints;
    },
    counters: pipeline.counters,
    get checkpointAgeMs() {
      return pipeline.checkpointAgeMs;
    },
    get restarts() {
      return pipeline.restarts;
    },
    finished,
    drain: () => pipeline.drain(),
    stopAtCheckpoint: () => pipeline.stopAtCheckpoint(),
    stop: () => pipeline.fail(new ConnectorError("ABORTED", `pipeline "${spec.name}" was stopped`)),
  };
}

class Pipeline {
  readonly counters = createCounters();
  #at: PipelineState = "starting";
  readonly #spec: PipelineSpec;
  readonly #logger: Logger;
  readonly #drain = new AbortController();
  restarts = 0;
  // Of one start: made anew for the next.
  #operators: PipelineOperators;
  #queue = new BatchQueue(QUEUE_LIMITS);
  #stop = new AbortController();
  #identity: Identity | undefined;
  #failure: ConnectorError | undefined;
  #coordinator: CheckpointCoordinator | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  /** True from `stopAtCheckpoint` on, once that checkpoint is durable: what ends after it is no failure. */
  #ended = false;
  /** Of earlier starts. */
  readonly #before = { completed: 0, failed: 0, totalMs: 0, rows: 0 };
  #futile = 0;
  /** True once a start has been made durable: errors before that are the user's to see at once. */
  #started = false;

  constructor(spec: PipelineSpec) {
    this.#spec = spec;
    this.#operators = spec;
    this.#logger = spec.logger ?? silentLogger;
  }

  get state(): PipelineState {
    return this.#at === "running" && this.#drain.signal.aborted ? "draining" : this.#at;
  }

  #become(state: PipelineEvent["state"]): void {
    this.#at = state;
    if (!pipelineChannel.hasSubscribers) return;
    const event: PipelineEvent = { pipeline: this.#spec.name, state, code: this.#failure?.code };
    pipelineChannel.publish(event);
  }

  get checkpoints(): CheckpointNumbers {
    const { completed = 0, failed = 0, totalMs = 0, lastMs } = this.#coordinator ?? {};
    const before = this.#before;
    return {
      completed: before.completed + completed,
      failed: before.failed + failed,
      totalMs: before.totalMs + totalMs,
      lastMs,
    };
  }

  get checkpointAgeMs(): number | undefined {
    const coordinator = this.#coordinator;
    return coordinator && coordinator.completed > 0 ? Date.now() - coordinator.completedAt : undefined;
  }

  async run(): Promise<PipelineSummary> {
    const startedAt = performance.now();
    this.#become("starting");
    do {
      try {
        await this.#run();
      } catch (error) {
        this.fail(error);
      }
      this.#coordinator?.stop();
      await this.#close();
    } while (await this.#startsAgain());
    clearTimeout(this.#drainTimer);
    this.#become("finished");
    return summarize({
      name: this.#spec.name,
      counters: this.counters,
      checkpoints: this.checkpoints.completed,
      durationMs: performance.now() - startedAt,
      error: this.#failure,
    });
  }

  drain(): void {
    if (this.#at === "finished" || this.#drain.signal.aborted) return;
    this.#drain.abort();
    this.#limitEnd();
  }

  stopAtCheckpoint(): void {
    if (this.#at === "finished") return;
    this.#limitEnd();
    const durable = this.#coordinator?.request() ?? Promise.resolve();
    durable.then(
      () => {
        this.#ended = true;
        this.fail(new ConnectorError("ABORTED", "stopped at a checkpoint"));
      },
      // A failure for good is the pipeline's.
      () => {},
    );
  }

  /** The first failure decides; it ends every wait. */
  fail(error: unknown): void {
    const failure = toConnectorError(error);
    if (!this.#ended) this.#failure ??= failure;
    this.#queue.fail(this.#failure ?? failure);
    this.#stop.abort(this.#failure ?? failure);
  }

  #limitEnd(): void {
    const timeoutMs = this.#spec.drainTimeoutMs ?? 25_000;
    this.#drainTimer ??= setTimeout(() => {
      const message = `pipeline "${this.#spec.name}" was not drained within ${timeoutMs} ms; the next run continues at the last checkpoint`;
      this.fail(new ConnectorError("DRAIN_TIMEOUT", message));
    }, timeoutMs);
  }

  /** Behind an error that another start may cure: waits, and makes ready for that start. */
  async #startsAgain(): Promise<boolean> {
    const { rebuild, restart = defaultRestart, name, checkpoints } = this.#spec;
    const failure = this.#failure;
    const identity = this.#identity;
    if (failure === undefined || rebuild === undefined || identity === undefined || !this.#started) return false;
    const { completed = 0, failed = 0, totalMs = 0, durableRows = 0 } = this.#coordinator ?? {};
    // The checkpoint that pins the start moves nothing.
    this.#futile = completed > 1 ? 0 : this.#futile + 1;
    const delayMs = restartDelay(failure, this.#futile, restart);
    if (delayMs === undefined || this.#drain.signal.aborted) return false;
    this.#logger.warn(
      { code: failure.code, restarts: this.restarts, delayMs },
      `pipeline "${name}" failed and starts again at its last checkpoint: ${failure.message}`,
    );
    this.#before.completed += completed;
    this.#before.failed += failed;
    this.#before.totalMs += totalMs;
    this.#before.rows += durableRows;
    this.#become("starting");
    this.#coordinator = undefined;
    this.#queue = new BatchQueue(QUEUE_LIMITS);
    this.#stop = new AbortController();
    this.#failure = undefined;
    const signal = AbortSignal.any([this.#stop.signal, this.#drain.signal]);
    try {
      await sleep(delayMs, undefined, { signal });
      // A newer instance may have taken over meanwhile: a claim now would take it back.
      await abortable(assertNewest(checkpoints, identity), signal);
      this.#operators = rebuild();
    } catch (error) {
      // A drain while nothing runs cannot end better than what it waits behind.
      this.fail(this.#drain.signal.aborted ? failure : error);
      return false;
    }
    this.restarts += 1;
    return true;
  }

  async #run(): Promise<void> {
    const { source, sink, transform } = this.#operators;
    const { checkpoints, name, maxRows } = this.#spec;
    const incarnation = await openIncarnation(checkpoints, name, this.#logger, this.#stop.signal);
    this.#identity = incarnation.identity;
    const context: OperatorContext = {
      identity: incarnation.identity,
      signal: this.#stop.signal,
      logger: this.#logger,
      counters: this.counters,
      assertCurrent: () => incarnation.assertCurrent(),
    };
    await transform?.open();
    const { committed } = await sink.open({
      ...context,
      origin: source.origin,
      deterministic: transform?.deterministic ?? true,
      restored: writtenBefore(incarnation.restored),
    });
    const sourceContext: SourceContext = {
      ...context,
      restored: incarnation.restored,
      committed,
      drain: this.#drain.signal,
      untilCaughtUp: this.#spec.untilCaughtUp ?? false,
      requestCheckpoint: async () => this.#coordinator?.request(),
    };
    await source.open(sourceContext);
    if (committed !== undefined) await this.#commitStart(committed);

    const rowsBefore = this.counters.rowsIn;
    const collector = createSourceCollector({
      downstream: this.#downstream(),
      counters: this.counters,
      maxTotalRows: maxRows === undefined ? undefined : maxRows - this.#before.rows,
      onLimit: () => this.drain(),
      traces: this.#spec.tracer !== undefined,
    });
    const coordinator = new CheckpointCoordinator({
      pipeline: name,
      tracer: this.#spec.tracer,
      intervalMs: this.#spec.checkpointIntervalMs ?? 1000,
      source,
      incarnation,
      queue: this.#queue,
      flushCollector: () => collector.flush(),
      rowsIn: () => this.counters.rowsIn - rowsBefore,
      logger: this.#logger,
      onFailure: (error) => this.fail(error),
    });
    this.#coordinator = coordinator;
    await coordinator.saveStart();
    this.#started = true;
    this.#stop.signal.throwIfAborted();

    coordinator.start();
    this.#become("running");
    const writing = this.#write(collector).catch((error: unknown) => this.fail(error));
    try {
      const finish = await source.run(sourceContext, collector);
      this.#stop.signal.throwIfAborted();
      if (finish !== "immediate") await coordinator.saveFinal();
      this.#queue.end();
    } catch (error) {
      this.fail(error);
    }
    await writing;
  }

  /** The queue; with `checkpointRows` it asks for a checkpoint each time so many rows went in. */
  #downstream(): Downstream {
    const queue = this.#queue;
    const { checkpointRows } = this.#spec;
    if (checkpointRows === undefined) return queue;
    let rows = 0;
    return {
      accept: (batch, bytes) => {
        queue.accept(batch, bytes);
        rows += batch.rows.length;
        if (rows < checkpointRows) return;
        rows = 0;
        // Its failure is told to `onFailure`.
        this.#coordinator?.request().catch(() => {});
      },
      get idle() {
        return queue.idle;
      },
      get hasRoom() {
        return queue.hasRoom;
      },
      room: () => queue.room(),
    };
  }

  /** A sink that keeps progress learns where the input begins before the first row, and before checkpoint 0 says so. */
  async #commitStart(committed: ReadonlyMap<string, SourcePosition>): Promise<void> {
    const { source, sink } = this.#operators;
    for (const [split, end] of source.starts?.() ?? []) {
      if (!committed.has(split)) await sink.processBatch({ rows: [], split, positions: [], end });
    }
    await sink.flush({ checkpointId: 0, final: false });
  }

  /** Moves items from the queue through the transform into the sink until the queue ends. */
  async #write(collector: SourceCollector): Promise<void> {
    const { sink, transform } = this.#operators;
    const { tracer } = this.#spec;
    const queue = this.#queue;
    for (;;) {
      const item = queue.take(transform?.preferredRows);
      if (item === undefined) {
        collector.flush();
        if (!(await queue.arrival())) return;
        continue;
      }
      if (this.#failure !== undefined) return;
      if (item.kind === "barrier") {
        item.reached(sink.flush(item.barrier));
        continue;
      }
      const waiting = tracer === undefined ? this.#writeBatch(item.batch) : this.#traceBatch(item.batch, tracer);
      if (waiting !== undefined) await waiting;
    }
  }

  /** Nothing to wait for when there is room. */
  #writeBatch(read: RecordBatch, traceparent?: string): void | Promise<void> {
    const { sink, transform } = this.#operators;
    if (batchChannel.hasSubscribers) {
      const { split, rows, end } = read;
      batchChannel.publish({ pipeline: this.#spec.name, split, rows: rows.length, end } satisfies BatchEvent);
    }
    const traced = (batch: RecordBatch): RecordBatch => (traceparent === undefined ? batch : { ...batch, traceparent });
    if (transform === undefined) return sink.processBatch(traced(read));
    const made = transform.process(read);
    return made instanceof Promise
      ? made.then((batch) => sink.processBatch(traced(batch)))
      : sink.processBatch(traced(made));
  }

  #traceBatch(read: RecordBatch, tracer: PipelineTracer): Promise<void> {
    const { split, rows, traceparent } = read;
    const span = tracer.startBatch({ pipeline: this.#spec.name, split, rows: rows.length, traceparent });
    return within(span, () => this.#writeBatch(read, span.traceparent));
  }

  async #close(): Promise<void> {
    const { source, sink, transform } = this.#operators;
    for (const operator of [source, sink, transform]) {
      try {
        await operator?.close();
      } catch (error) {
        this.#failure ??= toConnectorError(error);
      }
    }
  }
}

/** The splits whose outputs are in the sink under this name: a forked one has written nothing yet. */
function writtenBefore(restored: SinkContext["restored"]): SinkContext["restored"] {
  return restored && new Map([...restored].filter(([, state]) => state.forked !== true));
}
