import type {
  CheckpointStore,
  Logger,
  OperatorCounters,
  SinkOperator,
  SourceOperator,
  Transform,
} from "@x/connector-api";
import type { GroupView } from "./group/group-view.js";
import type { PipelineSummary } from "./pipeline-summary.js";
import type { RestartPolicy } from "./restart-policy.js";
import type { PipelineTracer } from "./telemetry/pipeline-tracer.js";

/** What a run of a pipeline opens, and closes. */
export interface PipelineOperators {
  readonly source: SourceOperator;
  readonly sink: SinkOperator;
  readonly transform?: Transform | undefined;
}

/** What a pipeline is made of and how it runs. */
export interface PipelineSpec extends PipelineOperators {
  /** The identity of the pipeline: its checkpoints are kept under this name. */
  readonly name: string;
  /**
   * Makes the operators anew, for a start behind an error that another start may cure (its `retry` is not "never").
   * Left out: the first error is the last. What a first start rejects with always is.
   */
  readonly rebuild?: () => PipelineOperators;
  /** How often and when. Default: {@link defaultRestart}. */
  readonly restart?: RestartPolicy;
  readonly checkpoints: CheckpointStore;
  /** Time between two barriers. Default 1000. */
  readonly checkpointIntervalMs?: number;
  /** Begin one also when so many rows were read since the last. Default: only by time. */
  readonly checkpointRows?: number;
  /** How long a drain may take before the pipeline stops at its last checkpoint. Default 25000. */
  readonly drainTimeoutMs?: number;
  /** End once what the source held at the start has been read. */
  readonly untilCaughtUp?: boolean;
  /** End after this many rows were read (at the end of the input that reaches it). */
  readonly maxRows?: number | undefined;
  readonly logger?: Logger;
  /** Makes spans of batches and checkpoints, and carries their trace from message to message. Default: none. */
  readonly tracer?: PipelineTracer | undefined;
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
  /** Times its operators were made anew. */
  readonly restarts: number;
  /** Who reads which split, where processes share them. */
  readonly group?: GroupView | undefined;
  /** Resolves when everything is closed; never rejects: a failure is in the summary. */
  readonly finished: Promise<PipelineSummary>;
  /** Graceful: stop reading, write what was read, last checkpoint, exit code 0. */
  drain(): void;
  /**
   * At a checkpoint: stop behind the next one that is durable, or the one under way; what was read behind it is left
   * for the next run. Exit code 0.
   */
  stopAtCheckpoint(): void;
  /** Nobody takes its outputs any more: stop where it stands; the last checkpoint is the truth. Exit code 0. */
  abandon(): void;
  /** Immediate: stop where it stands; the last checkpoint is the truth. Exit code 130. */
  stop(): void;
}
