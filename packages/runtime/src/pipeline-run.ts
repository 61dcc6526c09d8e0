import {
  ConnectorError,
  createSourceCollector,
  type Downstream,
  type Identity,
  type Incarnation,
  type Logger,
  type OperatorContext,
  type OperatorCounters,
  openIncarnation,
  type SinkContext,
  type SinkOperator,
  type SourceContext,
  type SourceOperator,
  type SourcePosition,
  toConnectorError,
} from "@x/connector-api";
import { BatchQueue } from "./batch-queue.js";
import { writeBatches } from "./batch-writer.js";
import { CheckpointCoordinator } from "./checkpoint-coordinator.js";
import type { PipelineOperators, PipelineSpec } from "./pipeline-spec.js";

/** Rows and payload bytes that may wait between source and sink. */
const QUEUE_LIMITS = { maxRows: 8192, maxBytes: 16 * 1024 * 1024 };

export interface PipelineRunOptions {
  readonly spec: PipelineSpec;
  /** What comes before the start, if anything does; a failure of it is one of the run. */
  readonly ready?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Makes the operators of this run alone. */
  readonly operators: () => PipelineOperators;
  readonly counters: OperatorCounters;
  readonly logger: Logger;
  /** Rows that durable checkpoints of earlier runs cover. */
  readonly rowsBefore: number;
  readonly drain: AbortSignal;
  /** Called when as many rows were read as the spec allows. */
  readonly onLimit: () => void;
  /** Called when everything is open and durable, and reading begins. */
  readonly onRunning: () => void;
}

/** One start of a pipeline, from claiming its epoch to closing its operators. */
export class PipelineRun {
  readonly #options: PipelineRunOptions;
  readonly #queue = new BatchQueue(QUEUE_LIMITS);
  readonly #stop = new AbortController();
  #operators: PipelineOperators | undefined;
  #identity: Identity | undefined;
  #failure: ConnectorError | undefined;
  #coordinator: CheckpointCoordinator | undefined;
  /** True from `end` on: what fails after it is no failure. */
  #ended = false;
  #started = false;

  constructor(options: PipelineRunOptions) {
    this.#options = options;
  }

  /** Why it failed; undefined while it runs, and after a good end. */
  get failure(): ConnectorError | undefined {
    return this.#failure;
  }

  /** Known once the epoch is claimed. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  get coordinator(): CheckpointCoordinator | undefined {
    return this.#coordinator;
  }

  /** True once the start has been made durable: an error before that is the user's to see at once. */
  get started(): boolean {
    return this.#started;
  }

  /** Resolves when everything is closed; never rejects. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      this.fail(error);
    }
    this.#coordinator?.stop();
    await this.#close();
  }

  /** The first failure decides; it ends every wait. */
  fail(error: unknown): void {
    const failure = toConnectorError(error);
    if (!this.#ended) this.#failure ??= failure;
    this.#queue.fail(this.#failure ?? failure);
    this.#stop.abort(this.#failure ?? failure);
  }

  /** Stops where it stands, as a good end. */
  end(reason: string): void {
    this.#ended = true;
    this.fail(new ConnectorError("ABORTED", reason));
  }

  async #run(): Promise<void> {
    const { spec, counters, logger, rowsBefore, onLimit, onRunning } = this.#options;
    await this.#options.ready?.(this.#stop.signal);
    const operators = this.#options.operators();
    this.#operators = operators;
    const { source } = operators;
    const incarnation = await openIncarnation(spec.checkpoints, spec.name, logger, this.#stop.signal);
    this.#identity = incarnation.identity;
    const context = await this.#open(incarnation, operators);

    const before = counters.rowsIn;
    const collector = createSourceCollector({
      downstream: this.#downstream(),
      counters,
      maxTotalRows: spec.maxRows === undefined ? undefined : spec.maxRows - rowsBefore,
      onLimit,
      traces: spec.tracer !== undefined,
    });
    const flushCollector = (): void => collector.flush();
    const coordinator = new CheckpointCoordinator({
      ...{ pipeline: spec.name, tracer: spec.tracer, logger, source, incarnation, flushCollector },
      intervalMs: spec.checkpointIntervalMs ?? 1000,
      queue: this.#queue,
      signal: this.#stop.signal,
      rowsIn: () => counters.rowsIn - before,
      onFailure: (error) => this.fail(error),
    });
    this.#coordinator = coordinator;
    await coordinator.saveStart();
    this.#started = true;
    this.#stop.signal.throwIfAborted();

    coordinator.start();
    onRunning();
    const writing = writeBatches({
      ...{ pipeline: spec.name, tracer: spec.tracer, operators, flushCollector },
      queue: this.#queue,
      failed: () => this.#failure !== undefined,
    }).catch((error: unknown) => this.fail(error));
    try {
      const finish = await source.run(context, collector);
      this.#stop.signal.throwIfAborted();
      if (finish !== "immediate") await coordinator.saveFinal();
      this.#queue.end();
    } catch (error) {
      this.fail(error);
    }
    await writing;
  }

  /** Opens transform, sink and source, in this order: the sink may know better where the source begins. */
  async #open(incarnation: Incarnation, { source, sink, transform }: PipelineOperators): Promise<SourceContext> {
    const { spec, counters, logger, drain } = this.#options;
    const context: OperatorContext = {
      identity: incarnation.identity,
      signal: this.#stop.signal,
      logger,
      counters,
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
      drain,
      untilCaughtUp: spec.untilCaughtUp ?? false,
      requestCheckpoint: async () => this.#coordinator?.request(),
    };
    await source.open(sourceContext);
    if (committed !== undefined) await commitStart(committed, source, sink);
    return sourceContext;
  }

  /** The queue; with `checkpointRows` it asks for a checkpoint each time so many rows went in. */
  #downstream(): Downstream {
    const queue = this.#queue;
    const { checkpointRows } = this.#options.spec;
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

  async #close(): Promise<void> {
    const { source, sink, transform } = this.#operators ?? {};
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

/** A sink that keeps progress learns where the input begins before the first row, and before checkpoint 0 says so. */
async function commitStart(
  committed: ReadonlyMap<string, SourcePosition>,
  source: SourceOperator,
  sink: SinkOperator,
): Promise<void> {
  for (const [split, end] of source.starts?.() ?? []) {
    if (!committed.has(split)) await sink.processBatch({ rows: [], split, positions: [], end });
  }
  await sink.flush({ checkpointId: 0, final: false });
}
