import { type CheckpointStore, ConnectorError, type Logger, silentLogger, toConnectorError } from "@x/connector-api";
import { withScript } from "../open-script.js";
import type { Output } from "../output.js";
import type { PlannedPipeline } from "../plan-pipelines.js";
import { reportError } from "../report-error.js";
import type { ScriptFlags } from "../script-flags.js";
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

/**
 * Opens a state, hands it to `use` and closes it. With an SQL file, whose tables say how `nats-kv:BUCKET` is reached.
 * Whatever throws is reported and gives the exit code of its error.
 */
export async function withState(
  flags: ScriptFlags & { readonly state: string },
  file: string | undefined,
  output: Output,
  use: (store: CheckpointStore) => Promise<number>,
): Promise<number> {
  const closing = async (store: CheckpointStore): Promise<number> => {
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  };
  if (file !== undefined) {
    return withScript(file, flags, output, ({ pipelines, logger }) =>
      closing(openKeptState(flags.state, pipelines, logger)),
    );
  }
  try {
    if (!flags.state.startsWith("nats-kv:")) return await closing(openKeptState(flags.state));
    throw new ConnectorError("USAGE", `--state ${flags.state}: give the SQL file, too, which says how it is reached`);
  } catch (error) {
    reportError(error, { output, json: flags.json === true });
    return toConnectorError(error).exitCode;
  }
}
