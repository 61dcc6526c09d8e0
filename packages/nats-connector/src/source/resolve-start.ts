import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
import { nanosecondsOf, timeOf } from "../jetstream/position.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { type Loss, lossError, removedFromHead } from "./loss.js";
import type { ConsumerStart } from "./plan-consumer.js";

/** What is known of the stream from before, to go on with it and to tell whether it is still the same. */
export interface KnownPosition {
  /** Undefined when only a position is known. */
  readonly created: string | undefined;
  readonly lastSeq: number;
  readonly lastTs: string | undefined;
  /** Everything up to here has been read. */
  readonly cursor: number;
  /** What is gone up to here is no gap: it was read, or is known to be for others. Never before `cursor`. */
  readonly seen: number;
  /** Everything up to here is in a durable checkpoint: an acking consumer starts behind it. */
  readonly durable: number;
  /** End of the first pass of `last_per_subject`; undefined for other policies and once it is over. */
  readonly passEnd: number | undefined;
  /** Consumer of the state, when nobody may list consumers. */
  readonly consumer: string | undefined;
  /** True when the sink keeps the progress: its positions can only grow. */
  readonly isCommitted: boolean;
}

export interface ResolvedStart {
  readonly start: ConsumerStart;
  /** What `on_gap` lets pass, as far as it is known before the consumer is made. */
  readonly loss: Loss | undefined;
  /** True when the consumer's own start is the new position, and every position before it is void. */
  readonly startsOver: boolean;
}

/**
 * Where the next consumer begins: behind the position, if the stream still continues it, else where `on_gap` says.
 * Under `fail` rejects with DATA_GAP, STREAM_REPLACED or STREAM_REGRESSED, before anything is created.
 */
export async function resolveStart(
  api: JetStreamApi,
  table: JetStreamSourceTable,
  stream: StreamInfo,
  filters: readonly string[],
  known: KnownPosition,
  signal: AbortSignal,
): Promise<ResolvedStart> {
  const changed = await findChange(api, stream, known, signal);
  if (changed !== undefined) {
    if (table.onGap === "fail" || known.isCommitted) throw lossError(changed);
    return { start: startOver(changed, table.onGap, known), loss: changed, startsOver: true };
  }
  if (known.passEnd !== undefined) {
    return { start: { kind: "last-per-subject" }, loss: undefined, startsOver: false };
  }
  const loss = lossUpTo(stream, filters, known, stream.state.first_seq - 1);
  if (loss !== undefined && table.onGap === "fail") throw lossError(loss);
  if (loss !== undefined && table.onGap === "latest") return { start: { kind: "next" }, loss, startsOver: true };
  // What is lost exactly, the consumer's creation says.
  return { start: { kind: "after", sequence: known.cursor }, loss: undefined, startsOver: false };
}

/** Messages behind what was seen, up to `sequence`, that are gone and should not be; undefined for none. */
export function lossUpTo(
  stream: StreamInfo,
  filters: readonly string[],
  { seen, lastTs }: KnownPosition,
  sequence: number,
): Loss | undefined {
  if (sequence <= seen) return undefined;
  // Where acks delete, what others have read goes from between as well; what is for this split waits for its own acks.
  if (stream.config.retention !== "limits" && filters.length > 0) return undefined;
  // A superseded message is no longer part of the stream's state.
  if ((stream.config.max_msgs_per_subject ?? -1) > 0) return undefined;
  return removedFromHead(stream, { from: seen + 1, to: sequence }, lastTs);
}

/**
 * Whether the stream continues what was read. The strongest proof is the last message itself: mirrors and their
 * promotion keep its sequence and time but not the stream's `created`, which counts when the message is gone.
 */
export async function findChange(
  api: JetStreamApi,
  { config: { name }, state, created }: StreamInfo,
  known: KnownPosition,
  signal: AbortSignal,
): Promise<Loss | undefined> {
  const { lastSeq, lastTs } = known;
  const isSameStream = known.created === undefined || created === known.created;
  if (state.last_seq < lastSeq) {
    const how = isSameStream ? "it went back to an older state" : `it was made again at ${created}`;
    const text = `stream "${name}" ends at ${state.last_seq}, but ${lastSeq} was read from it: ${how}`;
    return { code: "STREAM_REGRESSED", reason: isSameStream ? "regressed" : "recreated", stream: name, text };
  }
  const last = lastTs === undefined ? undefined : await api.getMessage(name, { seq: lastSeq }, signal);
  if (last === undefined ? isSameStream : nanosecondsOf(last.time) === lastTs) return undefined;
  if (isSameStream && known.created !== undefined) {
    const text = `message ${lastSeq} of stream "${name}" is another one than was read: it went back to an older state and was written again`;
    return { code: "STREAM_REGRESSED", reason: "regressed", stream: name, text };
  }
  const text = `stream "${name}" is not the one that was read up to ${lastSeq}: it was made again at ${created}`;
  return { code: "STREAM_REPLACED", reason: "recreated", stream: name, text };
}

/**
 * `skip` goes on with the first message that was not read: in another stream that is its first; in one that went back,
 * the first that was stored after the last one read.
 */
function startOver(
  { reason }: Loss,
  onGap: "skip" | "earliest" | "latest",
  { lastTs, created }: KnownPosition,
): ConsumerStart {
  if (onGap === "latest") return { kind: "next" };
  if (onGap === "skip" && reason === "regressed" && lastTs !== undefined && created !== undefined) {
    return { kind: "since", time: timeOf(BigInt(lastTs) + 1n) };
  }
  return { kind: "first" };
}
