import { type CheckpointStore, ConnectorError, type Logger, silentLogger, toConnectorError } from "@x/connector-api";
import type { Output } from "../main.js";
import type { PlannedPipeline } from "../plan-pipelines.js";
import { reportError } from "../report-error.js";
import { openStateStore } from "../state-store.js";

/** The state a command looks into. USAGE for `memory:`, which nobody but a running process has. */
export function openKeptState(
  state: string,
  pipelines: readonly PlannedPipeline[] = [],
  logger: Logger = silentLogger,
): CheckpointStore {
  if (state !== "memory:") return openStateStore(state, pipelines, logger);
  throw new ConnectorError("USAGE", "--state memory: is gone with its process; give the state that run was given");
}

/** Opens a state, hands it to `use` and closes it. Whatever throws is reported and gives the exit code of its error. */
export async function withState(
  state: string,
  json: boolean,
  output: Output,
  use: (store: CheckpointStore) => Promise<number>,
): Promise<number> {
  try {
    const store = openKeptState(state);
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    reportError(error, { output, json });
    return toConnectorError(error).exitCode;
  }
}
