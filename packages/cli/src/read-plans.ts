import type { Logger, SplitState } from "@x/connector-api";
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
        const last = await store.latest(pipeline.name, (message) => settings.logger.warn({}, message));
        return { pipeline, settings, restored: last && new Map(Object.entries(last.splits)) };
      }),
    );
  } finally {
    await store.close();
  }
}
