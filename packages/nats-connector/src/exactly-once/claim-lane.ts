import type { StreamConfig } from "../jetstream/api.js";
import { lookAtProgress } from "./chain-log.js";
import type { ExactlyOnceSetting } from "./exactly-once-setting.js";
import { type Claim, claimSplit, type Outlook, type ProgressPlace } from "./progress-log.js";
import type { ExactlyOnceMode } from "./progress-record.js";

/** A split of the source and where its progress stands. */
export interface LaneToClaim {
  readonly split: string;
  readonly subject: string;
  readonly mode: ExactlyOnceMode;
  /** Of the sink's stream. */
  readonly config: StreamConfig;
  readonly signal: AbortSignal;
}

/** Claims a split whose progress has a subject of its own, in a mode that writes several of them side by side. */
export async function claimLane(
  { link, table, context, origin }: Pick<ExactlyOnceSetting, "link" | "table" | "context" | "origin">,
  { split, subject, mode, config, signal }: LaneToClaim,
): Promise<{ readonly place: ProgressPlace; readonly claim: Claim }> {
  const { identity, logger, restored } = context;
  const { stream, ackTimeoutMs } = table;
  const place = { stream, subject, split, source: origin.stream, identity };
  const look = (signal: AbortSignal): Promise<Outlook> => lookAtProgress(link, place, mode, signal);
  const hasCheckpoint = restored?.has(split) === true;
  const claim = await claimSplit({ link, place, config, mode, look, hasCheckpoint, ackTimeoutMs, signal });
  logger.debug({ split, position: claim.progress.position, epoch: claim.epoch }, "claimed a split");
  return { place, claim };
}
