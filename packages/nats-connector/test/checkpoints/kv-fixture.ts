import type { Checkpoint, CheckpointStore, Identity } from "@x/connector-api";
import { natsKvCheckpoints } from "../../src/direct/nats-kv-checkpoints.ts";

/** The stream of a bucket, as `nats kv add` makes it. */
export function bucketConfig(bucket: string, more: object = {}): { readonly name: string } {
  return {
    name: `KV_${bucket}`,
    ...{ subjects: [`$KV.${bucket}.>`], storage: "file", max_msgs_per_subject: 1, discard: "new" },
    ...{ allow_rollup_hdrs: true, deny_delete: true },
    ...more,
  };
}

/** A store that closes at the end of its block. */
export function openStore(
  servers: string | readonly string[],
  bucket: string,
  more: object = {},
): CheckpointStore & AsyncDisposable {
  const store = natsKvCheckpoints({ servers, bucket, ...more });
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

export function at(by: Identity, checkpointId: number): Checkpoint {
  return { v: 1, ...by, checkpointId, createdAt: "2026-01-01T00:00:00.000Z", splits: {} };
}
