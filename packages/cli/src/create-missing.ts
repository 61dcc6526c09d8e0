import { connectorPlans } from "./connector-plans.js";
import type { OpenScript } from "./open-script.js";
import type { Output } from "./output.js";
import type { PlanSettings } from "./read-plans.js";

/** How long making streams may take. */
const BUDGET_MS = 60_000;

/** `run --create-streams`: makes what is missing to write into, and says what it made. */
export async function createMissing(
  { pipelines, options, logger }: OpenScript,
  settings: Pick<PlanSettings, "state" | "checkpointIntervalMs">,
  output: Output,
): Promise<void> {
  const standing = pipelines.map((pipeline) => ({
    pipeline,
    settings: { ...settings, recoveryMs: 0, logger },
    restored: undefined,
    group: undefined,
  }));
  for (const one of standing) {
    for (const { connector, plan } of connectorPlans(one, standing)) {
      const made = (await connector.createMissing?.(plan, AbortSignal.timeout(BUDGET_MS))) ?? [];
      for (const part of made) {
        output.stderr.write(`created ${part.kind} "${part.name}": ${part.settings}\n`);
        if (options.json) output.stdout.write(`${JSON.stringify({ event: "created", ...part })}\n`);
      }
    }
  }
}
