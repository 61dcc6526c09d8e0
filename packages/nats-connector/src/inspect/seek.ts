import { ConnectorError, type InputPlace } from "@x/connector-api";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
import { nanosecondsOf } from "../jetstream/position.js";

/**
 * The sequence of the first message stored at or after a time (RFC 3339), or behind the last one. Messages lie in the order in
 * which they were stored, so it is found by halving: about twenty requests in a million messages.
 */
export async function sequenceAt(
  api: JetStreamApi,
  { config: { name }, state }: StreamInfo,
  time: string,
  signal: AbortSignal,
): Promise<number> {
  const wanted = BigInt(nanosecondsOf(time));
  let low = state.first_seq;
  let high = state.last_seq + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const message = await api.getMessage(name, { seq: middle, next_by_subj: ">" }, signal);
    if (message === undefined || BigInt(nanosecondsOf(message.time)) >= wanted) high = middle;
    else low = message.seq + 1;
  }
  return low;
}

/** The sequence to read next for a place. Rejects with USAGE for one that the stream does not hold, nor will hold next. */
export async function resolvePlace(
  api: JetStreamApi,
  stream: StreamInfo,
  place: InputPlace,
  signal: AbortSignal,
): Promise<number> {
  const { first_seq: first, last_seq: last } = stream.state;
  const name = `stream "${stream.config.name}"`;
  const context = { stream: stream.config.name, first, last };
  if ("sequence" in place) {
    if (place.sequence >= first && place.sequence <= last + 1) return place.sequence;
    const text = `${name} holds ${first} to ${last}: message ${place.sequence} cannot be the next one`;
    throw new ConnectorError("USAGE", `${text}; give ${first} to ${last + 1}`, { context });
  }
  const timeMs = Date.parse(place.time);
  if (Number.isNaN(timeMs)) {
    throw new ConnectorError("USAGE", `expected a time as in RFC 3339 (2026-01-31T08:00:00Z), got "${place.time}"`);
  }
  const begin = stream.state.first_ts;
  if (first > 1 && begin !== undefined && timeMs < Date.parse(begin)) {
    const text = `${name} begins at ${begin} with message ${first}: what was stored before is gone`;
    throw new ConnectorError("USAGE", `${text}; give that time or a later one`, { context });
  }
  return sequenceAt(api, stream, place.time, signal);
}
