import type { ConsumerInfo, SequencePair, StreamInfo } from "../jetstream/api.js";
import { type Loss, removedFromHead } from "./loss.js";
import type { KnownPosition } from "./resolve-start.js";
import { lossUpTo } from "./resolve-start.js";

/**
 * What a shared consumer will never deliver to anybody, told by what it says of itself: it stands where it was when the
 * stream's limits have removed what comes next. Undefined for nothing.
 *
 * With a purge the server moves it, as if all of it had been delivered; before 2.11 also with a limit, while the pull of
 * somebody who has gone waits. But it does not count that as deliveries: where
 * it has come farther than it has made deliveries since `farthest`, the rest was purged. Others may have read on behind
 * it since; then the loss was theirs to tell.
 */
export function lossOfShared(
  stream: StreamInfo,
  filters: readonly string[],
  { delivered }: ConsumerInfo,
  position: KnownPosition,
  farthest: SequencePair | undefined,
): Loss | undefined {
  const to = stream.state.first_seq - 1;
  if (delivered.stream_seq < to) return lossUpTo(stream, filters, position, to);
  if (farthest === undefined || delivered.stream_seq > to || !tellsByNumbers(stream, filters)) return undefined;
  const passedOver = countPassedOver(farthest, delivered);
  return passedOver > 0 ? removedFromHead(stream, { from: to - passedOver + 1, to }, undefined) : undefined;
}

/** Messages that nobody was given between two deliveries: each of the stream comes for the first time in order. */
export function countPassedOver(before: SequencePair, after: SequencePair): number {
  return after.stream_seq - before.stream_seq - Math.max(0, after.consumer_seq - before.consumer_seq);
}

/** True where every message of the stream is to be delivered. */
export function tellsByNumbers({ config }: StreamInfo, filters: readonly string[]): boolean {
  return filters.length === 0 && (config.max_msgs_per_subject ?? -1) <= 0;
}

/** What of `count` messages passed over right behind `after` and before `next` is gone from the head of the stream. */
export function lossUnderWay(stream: StreamInfo, after: number, next: number, count: number): Loss | undefined {
  const to = Math.min(stream.state.first_seq, next) - 1;
  const from = Math.max(after, to - count) + 1;
  return to < from ? undefined : removedFromHead(stream, { from, to }, undefined);
}
