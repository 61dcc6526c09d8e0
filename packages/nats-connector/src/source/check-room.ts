import { ConnectorError } from "@x/connector-api";
import type { StreamInfo } from "../jetstream/api.js";

/**
 * An interest stream needs the new consumer of a split before the old one may go, at a start as after a lost connection:
 * without room for both a running source would end there. `ofAccount` is the most consumers that the account allows a
 * stream. Throws CONSUMER_REFUSED, before anything is created.
 */
export function checkRoom(
  { config, state }: StreamInfo,
  ofAccount: number | undefined,
  splits: number,
  isFirstStart: boolean,
): void {
  const { name, retention, max_consumers: ofStream = -1 } = config;
  const most = Math.min(ofStream > 0 ? ofStream : Number.POSITIVE_INFINITY, ofAccount ?? Number.POSITIVE_INFINITY);
  // At a later start some of them are this job's own.
  const others = isFirstStart ? state.consumer_count : 0;
  if (retention !== "interest" || others + 2 * splits <= most) return;
  const owner = most === ofStream ? `stream "${name}"` : `the account of stream "${name}"`;
  const limit = most === ofStream ? "max_consumers" : "max_consumers of the account";
  throw new ConnectorError(
    "CONSUMER_REFUSED",
    `${owner} allows ${most} consumers and the stream has ${state.consumer_count}: with interest retention each of ${splits} split${splits === 1 ? "" : "s"} needs two, because one takes over from another; raise ${limit} to ${others + 2 * splits}, or remove unused consumers`,
    { context: { stream: name, maxConsumers: most, consumers: state.consumer_count } },
  );
}
