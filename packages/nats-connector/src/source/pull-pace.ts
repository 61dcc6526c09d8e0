import { createRateLimit, type RateLimitConfig } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { PullSizes } from "../jetstream/pull-loop.js";
import type { JetStreamSourceTable } from "../table-config.js";

export type PullPace = (connection: OpenConnection, signal: AbortSignal, allowed?: number) => PullSizes;

/**
 * How much each reader of a source asks for at a time. Readers share the bounds, so that more splits do not mean more
 * memory, as far as one message of the largest size allows; and they share the rate limit: a tenth of a second's worth
 * per pull, paid for before it is asked. A server may allow less per pull (`max_request_batch`), and says so in the
 * configuration of the consumer it has made: `allowed`, 0 or undefined for any number.
 */
export function createPullPace(
  table: JetStreamSourceTable,
  readers: number,
  rateLimit: RateLimitConfig | undefined,
): PullPace {
  const share = (of: number): number => Math.max(1, Math.floor(of / readers));
  const limit = rateLimit && createRateLimit(rateLimit.messagesPerSecond);
  const paced = rateLimit === undefined ? Number.POSITIVE_INFINITY : share(rateLimit.messagesPerSecond / 10);
  return ({ client }, signal, allowed = 0) => ({
    batch: Math.min(share(table.maxBatch), paced, allowed > 0 ? allowed : Number.POSITIVE_INFINITY),
    maxBytes: Math.max(share(table.maxBytes), (client.info?.max_payload ?? 0) + 64 * 1024),
    expiresMs: table.maxExpiresMs,
    permit: limit && ((count) => limit.take(count, signal)),
  });
}
