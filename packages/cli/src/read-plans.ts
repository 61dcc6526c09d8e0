import type { Logger, SplitState } from "@x/connector-api";
import { type GroupRecord, readGroup } from "@x/runtime";
import { readPosition } from "./kept-position.js";
import type { PlannedPipeline } from "./plan-pipelines.js";
import { openStateStore } from "./state-store.js";

/** How a plan would be run. */
export interface PlanSettings {
  readonly state: string;
  readonly checkpointIntervalMs: number;
  readonly recoveryMs: number;
  readonly logger: Logger;
}

/** A planned pipeline together with how it would run and where it stands. */
export interface StandingPlan {
  readonly pipeline: PlannedPipeline;
  readonly settings: PlanSettings;
  /** Splits of the last checkpoint; undefined on a first start. */
  readonly restored: ReadonlyMap<string, SplitState> | undefined;
  /** Who shares its splits, where that is kept with the state. */
  readonly group: GroupRecord | undefined;
}

/** Reads where each pipeline stands. Claims nothing and writes nothing. */
export async function readPlans(
  pipelines: readonly PlannedPipeline[],
  settings: PlanSettings,
): Promise<readonly StandingPlan[]> {
  const store = openStateStore(settings.state, pipelines, settings.logger);
  try {
    return await Promise.all(
      pipelines.map(async (pipeline) => {
        const last = await readPosition(store, pipeline, (message) => settings.logger.warn({}, message));
        const restored = last && new Map(Object.entries(last.splits));
        const board = store.board?.(pipeline.name);
        return { pipeline, settings, restored, group: board && (await readGroup(board, pipeline.name)) };
      }),
    );
  } finally {
    await store.close();
  }
}
