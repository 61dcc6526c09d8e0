import type { GroupBoard } from "./group-board.js";
import type { Identity, SplitState } from "./operator-context.js";

/** One durable checkpoint. Restore takes the greatest valid (`epoch`, `checkpointId`). */
export interface Checkpoint {
  /** Version of this record: 1. A reader refuses a greater one. */
  readonly v: 1;
  readonly pipeline: string;
  readonly jobId: string;
  readonly epoch: number;
  readonly checkpointId: number;
  readonly instanceId: string;
  /** RFC 3339, for people. */
  readonly createdAt: string;
  /** State per split, as the source wrote it. */
  readonly splits: Readonly<Record<string, SplitState>>;
}

/** Names a checkpoint of a pipeline. */
export interface CheckpointRef {
  readonly epoch: number;
  readonly checkpointId: number;
}

/** The highest claimed epoch of a pipeline and who holds it. */
export interface EpochHolder {
  readonly epoch: number;
  readonly instanceId: string;
}

/**
 * Keeps the checkpoints of pipelines. All methods reject with STATE_STORE when the medium fails; a rejected write left
 * the earlier checkpoints as they were.
 */
export interface CheckpointStore {
  /** For messages: `file:.nats-pipeline`, `memory:`. */
  readonly description: string;
  /**
   * Makes `instanceId` the newest incarnation of the pipeline: creates a random `jobId` on the first claim ever, then
   * takes the next epoch by an atomic create. The newest claim wins at once; nothing is waited for and nothing locked.
   * Called once per start, before {@link latest}.
   */
  claim(pipeline: string, instanceId: string): Promise<Identity>;
  /** The newest claim. Called often (before and after each checkpoint): cheap. */
  holder(pipeline: string): Promise<EpochHolder>;
  /** Stores a checkpoint; durable when it resolves. Then prunes old ones of this or a lower epoch, never of a higher. */
  write(checkpoint: Checkpoint): Promise<void>;
  /** The greatest valid checkpoint. A damaged one is passed over with a call of `warn` that says which and why. */
  latest(pipeline: string, warn: (message: string) => void): Promise<Checkpoint | undefined>;
  /** All valid checkpoints kept, oldest first. */
  list(pipeline: string): Promise<readonly CheckpointRef[]>;
  /** One checkpoint; undefined when it is not kept (any more). Rejects with STATE_INVALID for a damaged one. */
  read(pipeline: string, ref: CheckpointRef): Promise<Checkpoint | undefined>;
  /** Names of the pipelines that have been claimed, sorted. */
  pipelines(): Promise<readonly string[]>;
  /**
   * Where the processes of several machines that share the splits of a pipeline meet. Left out by a store that is of one
   * machine alone.
   */
  board?(pipeline: string): GroupBoard;
  /** Releases what the store holds. Idempotent. */
  close(): Promise<void>;
}
