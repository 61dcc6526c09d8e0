import { type CheckpointStore, ConnectorError, type Logger, memoryCheckpoints } from "@x/connector-api";
import { fileCheckpoints } from "@x/connector-api/node";
import type { PlannedPipeline, PlannedTable } from "./plan-pipelines.js";

const kv = "nats-kv:";

/**
 * Opens the store that `--state` names: `file:DIR`, `memory:`, or `nats-kv:BUCKET`, which is reached the way the first
 * table with `connector = 'nats'` is. No I/O; the caller closes it.
 */
export function openStateStore(state: string, pipelines: readonly PlannedPipeline[], logger: Logger): CheckpointStore {
  if (state === "memory:") return memoryCheckpoints();
  if (state.startsWith("file:") && state.length > "file:".length) return fileCheckpoints(state.slice("file:".length));
  if (state.startsWith(kv) && state.length > kv.length) {
    return openBucket(state.slice(kv.length), pipelines, logger);
  }
  throw new ConnectorError("USAGE", `--state: expected file:DIR, memory: or ${kv}BUCKET; got "${state}"`);
}

function openBucket(bucket: string, pipelines: readonly PlannedPipeline[], logger: Logger): CheckpointStore {
  const tables = pipelines.flatMap(({ source, sink }): PlannedTable[] => (sink ? [source, sink] : [source]));
  const way = tables.find(({ connector }) => connector.name === "nats");
  const store = way?.connector.createCheckpoints?.(way.profile, bucket, { logger });
  if (store !== undefined) return store;
  const text = `--state ${kv}${bucket}: no table that is read or written has connector = 'nats', so nothing says how to reach the bucket; use file:DIR`;
  throw new ConnectorError("USAGE", text);
}
