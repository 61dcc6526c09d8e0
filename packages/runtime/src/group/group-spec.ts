import type { CheckpointStore, GroupBoard } from "@x/connector-api";
import type { PipelineOperators, PipelineSpec } from "../pipeline-spec.js";

/** How members notice each other. */
export interface GroupPace {
  /** Time between two looks at the board, each of which is also a sign of life. */
  readonly beatMs: number;
  /** Silence after which a member counts as dead and its splits are taken over. */
  readonly leaseMs: number;
}

export const defaultPace: GroupPace = { beatMs: 500, leaseMs: 6000 };

/** A pipeline whose splits are shared among processes, as each of them runs it. */
export interface GroupSpec
  extends Omit<PipelineSpec, "source" | "sink" | "transform" | "rebuild" | "maxRows" | "checkpointRows"> {
  /** Names the processes that share; those of one pipeline must agree. */
  readonly group: string;
  /** Names of the splits, the same in every process. */
  readonly splits: readonly string[];
  /** Makes operators that read one split. */
  readonly operators: (split: string) => PipelineOperators;
  /** Where the members agree: the same one for all of them, as the store is. */
  readonly board: GroupBoard;
  /** Holds the claims and checkpoints of each split under its own name. Closed by the caller. */
  readonly checkpoints: CheckpointStore;
  /** Default: {@link defaultPace}. */
  readonly pace?: GroupPace;
  /** Who this is, for people. */
  readonly host: string;
  readonly pid: number;
}
