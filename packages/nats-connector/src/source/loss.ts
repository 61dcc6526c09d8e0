import { ConnectorError, type ErrorCode, type OperatorContext } from "@x/connector-api";
import type { StreamInfo } from "../jetstream/api.js";

/**
 * Why messages that were not read are gone: the stream's limits, a purge, another stream under the same name, or a
 * stream that went back to an older state. Messages deleted one by one inside of what is still there are no loss.
 */
export type LossReason = "retention" | "purge" | "recreated" | "regressed";

/** Something that was to be read and is not there. */
export interface Loss {
  readonly code: Extract<ErrorCode, "DATA_GAP" | "STREAM_REPLACED" | "STREAM_REGRESSED">;
  readonly reason: LossReason;
  readonly stream: string;
  /** First and last sequence that are passed over; absent when nobody can say which they were. */
  readonly range?: { readonly from: number; readonly to: number } | undefined;
  /** What happened, for people. */
  readonly text: string;
}

/** The error that `on_gap = 'fail'` ends with. */
export function lossError(loss: Loss): ConnectorError {
  return new ConnectorError(loss.code, loss.text, { context: factsOf(loss) });
}

/** A loss that `on_gap` lets pass: counted, logged and told. `gaps` counts places, `lostMessages` sequences in them. */
export function reportLoss(
  loss: Loss,
  onGap: string,
  split: string,
  { counters, logger, onEvent }: Pick<OperatorContext, "counters" | "logger" | "onEvent">,
): void {
  counters.gaps += 1;
  counters.lostMessages += sizeOf(loss);
  const facts = { event: "gap", policy: onGap, split, ...factsOf(loss) };
  logger.warn(facts, `on_gap = '${onGap}': ${loss.text}`);
  onEvent?.({ type: "gap", reason: loss.text, ...loss.range });
}

export function sizeOf({ range }: Loss): number {
  return range === undefined ? 0 : range.to - range.from + 1;
}

/** For logs and errors. */
function factsOf(loss: Loss): Readonly<Record<string, unknown>> {
  const { reason, stream, range } = loss;
  return { reason, stream, ...range, ...(range === undefined ? {} : { lost: sizeOf(loss) }) };
}

/**
 * Messages `from..to` at the head of the stream are gone. Purged when no limit of the stream can have removed them: the
 * server does not tell, so a limit that may have is taken to have. `afterNanos` is when the message before them was stored.
 */
export function removedFromHead(
  info: StreamInfo,
  range: { readonly from: number; readonly to: number },
  afterNanos: string | undefined,
): Loss {
  const { name } = info.config;
  const limits = limitsThatRemove(info, afterNanos);
  if (limits.length === 0) return purgedFromHead(info, range);
  const text = `messages ${range.from}..${range.to} of stream "${name}" were removed by its limits (${limits.join(", ")}) before they were read`;
  return { code: "DATA_GAP", reason: "retention", stream: name, range, text };
}

/** Messages `from..to` at the head of the stream are gone, and not by its limits. */
function purgedFromHead({ config }: StreamInfo, range: { readonly from: number; readonly to: number }): Loss {
  const { name, retention } = config;
  const orUnwanted = retention === "interest" ? ", or removed with the last consumer that wanted them," : "";
  const text = `messages ${range.from}..${range.to} of stream "${name}" were purged${orUnwanted} before they were read`;
  return { code: "DATA_GAP", reason: "purge", stream: name, range, text };
}

/** Limits under which messages behind `afterNanos` may have gone by themselves. */
function limitsThatRemove({ config, state, ts }: StreamInfo, afterNanos: string | undefined): readonly string[] {
  const { max_age = 0, max_msgs = -1, max_bytes = -1, discard, allow_msg_ttl } = config;
  const removesOld = discard !== "new";
  const now = ts === undefined ? Date.now() : Date.parse(ts);
  const oldestMs = afterNanos === undefined ? 0 : Number(BigInt(afterNanos) / 1_000_000n);
  const limits: string[] = [];
  // None of them is older than the message before them.
  if (max_age > 0 && now - oldestMs >= max_age / 1_000_000) limits.push(`max_age = ${max_age / 1_000_000_000}s`);
  // A stream that has removed for this limit is full, and stays so unless somebody deletes.
  if (removesOld && max_msgs > 0 && state.messages + (state.num_deleted ?? 0) >= max_msgs)
    limits.push(`max_msgs = ${max_msgs}`);
  if (removesOld && max_bytes > 0) limits.push(`max_bytes = ${max_bytes}`);
  if (allow_msg_ttl === true) limits.push("the messages' own TTL");
  return limits;
}
