import { abortable } from "./abortable.js";
import type { Checkpoint, CheckpointStore } from "./checkpoint-store.js";
import { ConnectorError } from "./errors.js";
import type { Logger } from "./logger.js";
import type { SourceSnapshot } from "./operator.js";
import type { Identity, SplitState } from "./operator-context.js";

/** One run of a pipeline under an epoch of its own. Made by {@link openIncarnation}; every host uses it the same way. */
export interface Incarnation {
  readonly identity: Identity;
  /** Splits of the last durable checkpoint of this pipeline; undefined on its first start. */
  readonly restored: ReadonlyMap<string, SplitState> | undefined;
  /** Rejects with FENCED once a newer incarnation has claimed the pipeline. */
  assertCurrent(): Promise<void>;
  /**
   * Makes a snapshot durable. Looks for a newer incarnation before the write, so that it does not write for nothing, and
   * after it, so that the caller does not ack what the newer one may read again. Rejects with FENCED or STATE_STORE; then
   * nothing may be acked.
   */
  save(checkpointId: number, snapshot: SourceSnapshot): Promise<void>;
}

/**
 * Claims the next epoch, then reads the last checkpoint: in this order, so that a checkpoint of an older incarnation
 * that lands in between is at worst repeated, never lost. Once the signal aborts, every wait for the store ends with
 * ABORTED, now and later.
 */
export async function openIncarnation(
  store: CheckpointStore,
  pipeline: string,
  logger: Logger,
  signal?: AbortSignal,
): Promise<Incarnation> {
  const identity = await abortable(store.claim(pipeline, createInstanceId()), signal);
  const warn = (message: string): void => logger.warn({ pipeline }, message);
  const latest = await abortable(store.latest(pipeline, warn), signal);
  const restored = latest && new Map(Object.entries(latest.splits));

  const assertCurrent = (): Promise<void> => abortable(assertNewest(store, identity), signal);

  return {
    identity,
    restored,
    assertCurrent,
    async save(checkpointId, snapshot) {
      await assertCurrent();
      const checkpoint: Checkpoint = {
        v: 1,
        pipeline,
        jobId: identity.jobId,
        epoch: identity.epoch,
        checkpointId,
        instanceId: identity.instanceId,
        createdAt: new Date().toISOString(),
        splits: Object.fromEntries(snapshot),
      };
      await abortable(store.write(checkpoint), signal);
      await assertCurrent();
    },
  };
}

/** Rejects with FENCED once a newer incarnation than this one has claimed its pipeline. */
export async function assertNewest(store: CheckpointStore, { pipeline, epoch, instanceId }: Identity): Promise<void> {
  const holder = await store.holder(pipeline);
  if (holder.epoch <= epoch) return;
  throw new ConnectorError(
    "FENCED",
    `pipeline "${pipeline}" was taken over: instance ${holder.instanceId} holds epoch ${holder.epoch}, this one (${instanceId}) had ${epoch}`,
    { context: { pipeline, epoch, newerEpoch: holder.epoch, newerInstance: holder.instanceId } },
  );
}

/** Eight letters and digits: unique among the incarnations of a pipeline, short enough for a consumer's name. */
export function createInstanceId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => (byte % 36).toString(36)).join("");
}
