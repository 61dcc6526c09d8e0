import { setMaxListeners } from "node:events";
import { ConnectorError } from "@x/connector-api";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";

/** First and last sequence that a consumer has jumped over. */
export interface Jump {
  readonly from: number;
  readonly to: number;
}

/**
 * What the stream says of sequences that a consumer has jumped over: they are gone from its head, or were deleted one by
 * one. Rejects with POSITION_LOST when a message of them is there: the consumer has passed over it, by a filter that
 * somebody gave it, or because its server has removed what the stream's leader still has.
 */
export async function lookIntoJumps(
  api: JetStreamApi,
  stream: string,
  jumps: readonly Jump[],
  signal: AbortSignal,
): Promise<StreamInfo> {
  // Each question listens for the end.
  setMaxListeners(0, signal);
  const next = jumps.map(({ from }) => api.getMessage(stream, { seq: from, next_by_subj: ">" }, signal));
  for (const [i, message] of (await Promise.all(next)).entries()) {
    const jump = jumps[i];
    if (message === undefined || jump === undefined || message.seq > jump.to) continue;
    const text = `message ${message.seq} of stream "${stream}" was passed over by the consumer`;
    throw new ConnectorError("POSITION_LOST", text, { context: { stream, sequence: message.seq } });
  }
  // Asked second: what has gone from the head before the first answers shows in this one.
  return api.streamInfo(stream, signal);
}
