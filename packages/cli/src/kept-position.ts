import type { CheckpointStore, SplitState } from "@x/connector-api";
import { splitName } from "@x/runtime";
import type { PlannedPipeline } from "./plan-pipelines.js";
import { splitsOf } from "./start-pipelines.js";

/** Where a pipeline stands. */
export interface KeptPosition {
  readonly splits: Readonly<Record<string, SplitState>>;
  /** True where a group has kept it, split by split. */
  readonly shared: boolean;
}

/** The last position of a pipeline, however it was kept; undefined before its first checkpoint. */
export async function readPosition(
  store: CheckpointStore,
  pipeline: PlannedPipeline,
  warn: (message: string) => void,
): Promise<KeptPosition | undefined> {
  const whole = await store.latest(pipeline.name, warn);
  if (whole !== undefined) return { splits: whole.splits, shared: false };
  const parts = await Promise.all(
    splitsOf(pipeline).map((split) => store.latest(splitName(pipeline.name, split), warn)),
  );
  const splits = parts.flatMap((checkpoint) => Object.entries(checkpoint?.splits ?? {}));
  return splits.length === 0 ? undefined : { splits: Object.fromEntries(splits), shared: true };
}
