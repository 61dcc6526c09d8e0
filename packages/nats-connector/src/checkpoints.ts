import {
  type Checkpoint,
  type CheckpointRef,
  type CheckpointStore,
  ConnectorError,
  compareCheckpoints,
  createJobId,
  type EpochHolder,
  type GroupBoard,
  type Identity,
  isConnectorError,
  type StateOptions,
  silentLogger,
} from "@x/connector-api";
import {
  boardKey,
  type Claim,
  checkpointKey,
  claimKey,
  decodeCheckpoint,
  decodeClaim,
  encodeCheckpoint,
  encodeClaim,
  parseCheckpointKey,
  pipelineOfClaim,
  pipelineToken,
} from "./checkpoints/kv-entries.js";
import { StateBucket } from "./checkpoints/state-bucket.js";
import type { LinkContext, OpenConnection } from "./connection.js";
import type { KvEntry } from "./jetstream/kv-bucket.js";

export interface KvCheckpointOptions extends StateOptions {
  readonly bucket: string;
}

/** How a store connects. Called when it is first needed, and again when that connection was given up. */
export interface StoreConnection {
  readonly connectTimeoutMs: number;
  connect(context: LinkContext): Promise<OpenConnection>;
}

/**
 * Checkpoints in a NATS KV bucket: `<pipeline>.claim` holds the job and its newest claim and is replaced by compare and
 * swap, `<pipeline>.<epoch>-<checkpointId>` is a checkpoint, `<pipeline>.group` says which process of a group has which
 * split. The first call connects, or fails within the connection's
 * own budget; from then on every call waits while the server cannot be reached. Format and promises: docs/checkpoints.md.
 */
export function createKvCheckpoints(connection: StoreConnection, options: KvCheckpointOptions): CheckpointStore {
  const { bucket: name, create = false, keep = 3, logger = silentLogger } = options;
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    throw new ConnectorError("OPTION_INVALID", `bucket: expected letters, digits, "_" and "-"; got "${name}"`);
  }
  const description = `nats-kv:${name}`;
  const placeOf = (key: string): string => `${description}/${key}`;
  const { connectTimeoutMs } = connection;
  const connect = (context: LinkContext): Promise<OpenConnection> => connection.connect(context);
  const bucket = new StateBucket({ bucket: name, create, logger, connectTimeoutMs, connect });
  let saidUnpruned = false;

  /** Keys of checkpoints, damaged ones included, oldest first. */
  const refsOf = async (pipeline: string): Promise<readonly CheckpointRef[]> => {
    const keys = await bucket.ask((kv) => kv.keys(`${pipelineToken(pipeline)}.*`));
    return keys.flatMap((key) => parseCheckpointKey(key) ?? []).sort(compareCheckpoints);
  };
  const read = async (pipeline: string, ref: CheckpointRef): Promise<Checkpoint | undefined> => {
    const key = checkpointKey(pipeline, ref);
    const { value } = await bucket.ask((kv) => kv.get(key));
    return value && decodeCheckpoint(value, pipeline, ref, placeOf(key));
  };
  const latest = async (pipeline: string, warn: (message: string) => void): Promise<Checkpoint | undefined> => {
    const refs = await refsOf(pipeline);
    let damaged = 0;
    for (const ref of [...refs].reverse()) {
      const checkpoint = await read(pipeline, ref).catch((error: unknown) => {
        damaged += 1;
        warn(`${damageOf(error)}; it is passed over`);
      });
      if (checkpoint !== undefined) return checkpoint;
    }
    // An older instance that still writes may have replaced what was listed. What people have deleted stays in the list.
    if (refs.length > 0 && JSON.stringify(await refsOf(pipeline)) !== JSON.stringify(refs))
      return latest(pipeline, warn);
    if (damaged === 0) return undefined;
    throw new ConnectorError(
      "STATE_INVALID",
      `all ${damaged} checkpoints of pipeline "${pipeline}" in ${description} are damaged; restore the bucket from a backup, or delete its keys "${pipelineToken(pipeline)}.*" to start over`,
    );
  };
  /** The claim behind `held`; without one, behind what the checkpoints say of a claim that was deleted. */
  const following = async (pipeline: string, held: Claim | undefined): Promise<Omit<Claim, "instanceId">> => {
    if (held !== undefined) return { jobId: held.jobId, epoch: held.epoch + 1 };
    const last = (await refsOf(pipeline)).at(-1);
    const jobId = last && (await latest(pipeline, () => {}))?.jobId;
    return { jobId: jobId ?? createJobId(), epoch: (last?.epoch ?? 0) + 1 };
  };
  /** What this epoch and lower ones no longer need. The checkpoint is durable already: a failure waits for the next. */
  const prune = async ({ pipeline, epoch }: Checkpoint): Promise<void> => {
    try {
      const old = (await refsOf(pipeline)).filter((ref) => ref.epoch <= epoch).slice(0, -keep);
      await Promise.all(old.map((ref) => bucket.tryOnce((kv) => kv.purge(checkpointKey(pipeline, ref)))));
    } catch (error) {
      if (!isConnectorError(error) || error.retry === "backoff" || saidUnpruned) return;
      saidUnpruned = true;
      logger.warn({ code: error.code, bucket: name }, `old checkpoints stay: ${error.message}`);
    }
  };

  return {
    description,
    async claim(pipeline, instanceId): Promise<Identity> {
      const key = claimKey(pipeline);
      for (;;) {
        const entry = await bucket.ask((kv) => kv.get(key));
        const held = entry.value && decodeClaim(entry.value, pipeline, placeOf(key));
        // Ours already: the answer to the attempt before was lost on its way.
        if (held?.instanceId === instanceId) return { pipeline, jobId: held.jobId, epoch: held.epoch, instanceId };
        const next = await following(pipeline, held);
        const value = encodeClaim({ ...next, instanceId }, pipeline);
        if (await bucket.ask((kv) => kv.replace(key, entry, value))) return { pipeline, ...next, instanceId };
      }
    },
    async holder(pipeline): Promise<EpochHolder> {
      const key = claimKey(pipeline);
      const { value } = await bucket.ask((kv) => kv.get(key));
      if (value === undefined) {
        const text = `${placeOf(key)} holds no claim: was it removed while the pipeline ran?`;
        throw new ConnectorError("STATE_STORE", text, { retry: "never" });
      }
      const { epoch, instanceId } = decodeClaim(value, pipeline, placeOf(key));
      return { epoch, instanceId };
    },
    async write(checkpoint) {
      const value = encodeCheckpoint(checkpoint);
      await bucket.ask((kv) => kv.put(checkpointKey(checkpoint.pipeline, checkpoint), value));
      await prune(checkpoint);
    },
    latest,
    async list(pipeline) {
      const refs = await refsOf(pipeline);
      const found = await Promise.all(
        refs.map((ref) => read(pipeline, ref).catch((error: unknown) => void damageOf(error))),
      );
      return refs.filter((_, i) => found[i] !== undefined);
    },
    read,
    async pipelines() {
      const keys = await bucket.ask((kv) => kv.keys("*.claim"));
      const claims = await Promise.all(keys.map((key) => bucket.ask((kv) => kv.get(key))));
      return claims.flatMap(({ value }) => (value && pipelineOfClaim(value)) ?? []).sort();
    },
    board(pipeline): GroupBoard {
      const key = boardKey(pipeline);
      return {
        async read() {
          const entry = await bucket.ask((kv) => kv.get(key));
          return { text: entry.value && Buffer.from(entry.value).toString("utf8"), version: entry };
        },
        replace: ({ version }, text) => bucket.ask((kv) => kv.replace(key, version as KvEntry, Buffer.from(text))),
      };
    },
    close: () => bucket.close(),
  };
}

/** The message of a damaged checkpoint; whatever else it is, a later version's included, is thrown on. */
function damageOf(error: unknown): string {
  if (isConnectorError(error) && error.code === "STATE_INVALID" && error.context.newerVersion === undefined) {
    return error.message;
  }
  throw error;
}
