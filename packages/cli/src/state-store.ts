import { type CheckpointStore, ConnectorError, memoryCheckpoints } from "@x/connector-api";
import { fileCheckpoints } from "@x/connector-api/node";

/** Opens the store that `--state` names: `file:DIR` or `memory:`. */
export function openStateStore(state: string): CheckpointStore {
  if (state === "memory:") return memoryCheckpoints();
  if (state.startsWith("file:") && state.length > "file:".length) return fileCheckpoints(state.slice("file:".length));
  if (state.startsWith("nats-kv:")) {
    throw new ConnectorError("UNSUPPORTED", "--state nats-kv:BUCKET comes in a later version; use file:DIR or memory:");
  }
  throw new ConnectorError("USAGE", `--state: expected file:DIR or memory:, got "${state}"`);
}
