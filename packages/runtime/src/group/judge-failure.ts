import type { CheckpointStore, ConnectorError } from "@x/connector-api";
import { splitName } from "./split-store.js";

/** What the failure of a split means to the group. */
export type Verdict =
  /** The data, or somebody outside of the group, ends the pipeline: every member would fail the same way. */
  | "everybody"
  /** This process cannot go on; others may. */
  | "this-process"
  /** Worth another attempt, by whoever takes the split next. */
  | "again"
  /** No failure: the split is where its last checkpoint is. */
  | "handed-over";

export interface FailedSplit {
  readonly pipeline: string;
  readonly split: string;
  readonly error: ConnectorError;
  /** Something was read and made durable by this process: what fails now has worked before. */
  readonly established: boolean;
  /** This process was told to end. */
  readonly leaving: boolean;
}

/** Judges the failure of a split that its member still holds. Asks the store who has claimed it, where that matters. */
export async function judgeFailure(
  { pipeline, split, error, established, leaving }: FailedSplit,
  store: CheckpointStore,
): Promise<Verdict> {
  const { code, exitCode, retry } = error;
  if (code === "DRAIN_TIMEOUT" && !leaving) return "handed-over";
  if (code === "FENCED") {
    const holder = await store.holder(splitName(pipeline, split));
    // A process that lost the split while it was opening it may reach the sink last, but never the store.
    return holder.instanceId === error.context.newerInstance ? "everybody" : "again";
  }
  if (exitCode === 4 || exitCode === 6) return "everybody";
  return established && retry !== "never" ? "again" : "this-process";
}
