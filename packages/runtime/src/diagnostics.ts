import { channel } from "node:diagnostics_channel";
import type { ErrorCode, SourcePosition } from "@x/connector-api";

/** `x:runtime:pipeline`: a run begins, reads, is over. */
export interface PipelineEvent {
  readonly pipeline: string;
  readonly state: "starting" | "running" | "finished";
  /** The failure that it is over for, or starts again after. */
  readonly code?: ErrorCode | undefined;
}

/** `x:runtime:batch`: a batch goes from the source to the sink. */
export interface BatchEvent {
  readonly pipeline: string;
  readonly split: string;
  readonly rows: number;
  readonly end: SourcePosition;
}

/** `x:runtime:checkpoint`: a checkpoint is durable, or has failed. */
export interface CheckpointEvent {
  readonly pipeline: string;
  readonly checkpointId: number;
  readonly outcome: "durable" | "failed";
  /** From its snapshot on. */
  readonly durationMs: number;
  readonly code?: ErrorCode | undefined;
}

export const pipelineChannel = channel("x:runtime:pipeline");
export const batchChannel = channel("x:runtime:batch");
export const checkpointChannel = channel("x:runtime:checkpoint");
