import { ConnectorError, isConnectorError } from "@x/connector-api";
import { comparesSafely } from "../capabilities.js";
import type { OpenConnection } from "../connection.js";
import type { StreamConfig, StreamInfo } from "../jetstream/api.js";
import { streamOfBucket } from "../jetstream/kv-bucket.js";

/** No peers for the replicas asked for: fewer servers than a cluster usually has. */
const NO_PEERS: ReadonlySet<unknown> = new Set([10005, 10074]);

/**
 * The stream of a bucket that keeps what is written to it. Rejects with STREAM_NOT_FOUND, or with CAPABILITY_MISSING and
 * what to change for a bucket, or a server, that would forget or could let two claims through. With `create` a missing
 * bucket is made.
 */
export async function readBucket(bucket: string, link: OpenConnection, create: boolean): Promise<StreamInfo> {
  const info = await link.api.streamInfo(streamOfBucket(bucket)).catch((error: unknown) => {
    if (!isConnectorError(error) || error.code !== "STREAM_NOT_FOUND") throw error;
    if (create) return createBucket(bucket, link);
    const text = `KV bucket "${bucket}" does not exist; create it: nats kv add ${bucket} --history=1 --storage=file (in a cluster with --replicas=3)`;
    throw new ConnectorError("STREAM_NOT_FOUND", text, { cause: error, context: { bucket } });
  });
  const reason = unsound(bucket, info.config) ?? unsafeServer(info.config, link.client.info?.version ?? "0.0.0");
  if (reason === undefined) return info;
  throw new ConnectorError("CAPABILITY_MISSING", `KV bucket "${bucket}" cannot keep checkpoints: ${reason}`, {
    context: { bucket },
  });
}

async function createBucket(bucket: string, link: OpenConnection): Promise<StreamInfo> {
  const config = (replicas: number): StreamConfig => ({
    name: streamOfBucket(bucket),
    subjects: [`$KV.${bucket}.>`],
    retention: "limits",
    storage: "file",
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    discard: "new",
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
  });
  if (link.client.info?.cluster === undefined) return link.api.createStream(config(1));
  return link.api.createStream(config(3)).catch((error: unknown) => {
    if (!isConnectorError(error) || !NO_PEERS.has(error.context.errCode)) throw error;
    return link.api.createStream(config(1));
  });
}

function unsound(bucket: string, config: StreamConfig): string | undefined {
  const { subjects = [], storage, mirror, sealed, discard, max_age = 0, max_bytes = -1, max_msgs = -1 } = config;
  if (mirror !== undefined) return "it is a mirror and takes no writes of its own";
  if (sealed === true) return "it is sealed and takes no writes";
  if (!subjects.includes(`$KV.${bucket}.>`)) return `stream "${config.name}" does not capture "$KV.${bucket}.>"`;
  if (max_age > 0) return "its entries expire; make it without --ttl";
  if (storage === "memory") return "it is kept in memory and forgets with its servers; make it with --storage=file";
  if (discard === "old" && (max_bytes > 0 || max_msgs > 0)) {
    return 'it drops old entries when it is full; set "discard": "new" on its stream, or no limit';
  }
  return undefined;
}

function unsafeServer({ num_replicas: replicas }: StreamConfig, version: string): string | undefined {
  if (comparesSafely(version, replicas)) return undefined;
  return `server ${version} does not compare and swap safely on ${replicas} replicas; upgrade to 2.9.21 or later, or use a bucket with 1 replica`;
}
