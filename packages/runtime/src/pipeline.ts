import {
  type CheckpointStore,
  ConnectorError,
  createCounters,
  createSourceCollector,
  type Logger,
  type OperatorContext,
  type OperatorCounters,
  openIncarnation,
  type SinkContext,
  type SinkOperator,
  type SourceCollector,
  type SourceContext,
  type SourceOperator,
  type SourcePosition,
  silentLogger,
  type Transform,
  toConnectorError,
} from "@x/connector-api";
import { BatchQueue } from "./batch-queue.js";
import { CheckpointCoordinator } from "./checkpoint-coordinator.js";
import { type PipelineSummary, summarize } from "./pipeline-summary.js";

/** What a pipeline is made of and how it runs. */
export interface PipelineSpec {
  /** The identity of the pipeline: its checkpoints are kept under this name. */
  readonly name: string;
  readonly source: SourceOperator;
  readonly sink: SinkOperator;
  readonly transform?: Transform | undefined;
  readonly checkpoints: CheckpointStore;
  /** Time between two barriers. Default 1000. */
  readonly checkpointIntervalMs?: number;
  /** How long a drain may take before the pipeline stops at its last checkpoint. Default 25000. */
  readonly drainTimeoutMs?: number;
  /** End once what the source held at the start has been read. */
  readonly untilCaughtUp?: boolean;
  /** End after this many rows were read (at the end of the input that reaches it). */
  readonly maxRows?: number | undefined;
  readonly logger?: Logger;
}

/** Where a run stands: before its first row, reading and writing, finishing after a drain, over. */
export type PipelineState = "starting" | "running" | "draining" | "finished";

/** Checkpoints of a run in numbers, beside those that the source counts. */
export interface CheckpointNumbers {
  /** Durable ones, the one that pins the start included. */
  readonly completed: number;
  /** Those that failed, also where the next one did not. */
  readonly failed: number;
  /** How long the last durable one took, from its snapshot on; undefined before the first. */
  readonly lastMs: number | undefined;
  /** The same of all of them together. */
  readonly totalMs: number;
}

/** A pipeline under way. */
export interface RunningPipeline {
  readonly name: string;
  readonly state: PipelineState;
  readonly checkpoints: CheckpointNumbers;
  /** Current numbers; read them at any time. */
  readonly counters: Readonly<OperatorCounters>;
  /** Milliseconds since the last durable checkpoint; undefined before the first. */
  readonly checkpointAgeMs: number | undefined;
  /** Resolves when everything is closed; never rejects: a failure is in the summary. */
  readonly finished: Promise<PipelineSummary>;
  /** Graceful: stop reading, write what was read, last checkpoint, exit code 0. */
  drain(): void;
  /** Immediate: stop where it stands; the last checkpoint is the truth. Exit code 130. */
  stop(): void;
}

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
    finished,
    drain: () => pipeline.drain(),
    stop: () => pipeline.fail(new ConnectorError("ABORTED", `pipeline "${spec.name}" was stopped`)),
  };
}

class Pipeline {
  readonly counters = createCounters();
  #state: PipelineState = "starting";
  readonly #spec: PipelineSpec;
  readonly #logger: Logger;
  readonly #queue = new BatchQueue(QUEUE_LIMITS);
  readonly #drain = new AbortController();
  readonly #stop = new AbortController();
  #failure: ConnectorError | undefined;
  #coordinator: CheckpointCoordinator | undefined;
  #drainTimer: NodeJS.Timeout | undefined;

  constructor(spec: PipelineSpec) {
    this.#spec = spec;
    this.#logger = spec.logger ?? silentLogger;
  }

  get state(): PipelineState {
    return this.#state === "running" && this.#drain.signal.aborted ? "draining" : this.#state;
  }

  get checkpoints(): CheckpointNumbers {
    return this.#coordinator ?? { completed: 0, failed: 0, lastMs: undefined, totalMs: 0 };
  }

  get checkpointAgeMs(): number | undefined {
    const coordinator = this.#coordinator;
    return coordinator && coordinator.completed > 0 ? Date.now() - coordinator.completedAt : undefined;
  }

  async run(): Promise<PipelineSummary> {
    const startedAt = performance.now();
    try {
      await this.#run();
    } catch (error) {
      this.fail(error);
    }
    clearTimeout(this.#drainTimer);
    this.#coordinator?.stop();
    await this.#close();
    this.#state = "finished";
    return summarize({
      name: this.#spec.name,
      counters: this.counters,
      checkpoints: this.#coordinator?.completed ?? 0,
      durationMs: performance.now() - startedAt,
      error: this.#failure,
    });
  }

  drain(): void {
    if (this.#drain.signal.aborted) return;
    const timeoutMs = this.#spec.drainTimeoutMs ?? 25_000;
    this.#drain.abort();
    this.#drainTimer = setTimeout(() => {
      const message = `pipeline "${this.#spec.name}" was not drained within ${timeoutMs} ms; the next run continues at the last checkpoint`;
      this.fail(new ConnectorError("DRAIN_TIMEOUT", message));
    }, timeoutMs);
  }

  /** The first failure decides; it ends every wait. */
  fail(error: unknown): void {
    this.#failure ??= toConnectorError(error);
    this.#queue.fail(this.#failure);
    this.#stop.abort(this.#failure);
  }

  async #run(): Promise<void> {
    const { source, sink, transform, checkpoints, name } = this.#spec;
    const incarnation = await openIncarnation(checkpoints, name, this.#logger, this.#stop.signal);
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

    const collector = createSourceCollector({
      downstream: this.#queue,
      counters: this.counters,
      maxTotalRows: this.#spec.maxRows,
      onLimit: () => this.drain(),
    });
    const coordinator = new CheckpointCoordinator({
      intervalMs: this.#spec.checkpointIntervalMs ?? 1000,
      source,
      incarnation,
      queue: this.#queue,
      flushCollector: () => collector.flush(),
      logger: this.#logger,
      onFailure: (error) => this.fail(error),
    });
    this.#coordinator = coordinator;
    await coordinator.saveStart();
    this.#stop.signal.throwIfAborted();

    coordinator.start();
    this.#state = "running";
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

  /** A sink that keeps progress learns where the input begins before the first row, and before checkpoint 0 says so. */
  async #commitStart(committed: ReadonlyMap<string, SourcePosition>): Promise<void> {
    const { source, sink } = this.#spec;
    for (const [split, end] of source.starts?.() ?? []) {
      if (!committed.has(split)) await sink.processBatch({ rows: [], split, positions: [], end });
    }
    await sink.flush({ checkpointId: 0, final: false });
  }

  /** Moves items from the queue through the transform into the sink until the queue ends. */
  async #write(collector: SourceCollector): Promise<void> {
    const { sink, transform } = this.#spec;
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
      const batch = transform === undefined ? item.batch : await transform.process(item.batch);
      const backpressure = sink.processBatch(batch);
      if (backpressure !== undefined) await backpressure;
    }
  }

  async #close(): Promise<void> {
    const { source, sink, transform } = this.#spec;
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
