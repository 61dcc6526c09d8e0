import { setTimeout as sleep } from "node:timers/promises";
import { abortable, type ConnectorError, type ErrorCode, isConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";

const BACKOFF_MS = { first: 50, last: 2000 };
/** A server that comes back may know its streams a moment later than its clients. */
const PATIENCE_MS = 5000;

const unreachable: ReadonlySet<ErrorCode> = new Set(["CONNECT_FAILED", "CONNECTION_LOST", "SERVER_UNAVAILABLE"]);
const missing: ReadonlySet<ErrorCode> = new Set(["STREAM_NOT_FOUND", "CAPABILITY_MISSING"]);

export interface Patience {
  readonly link: OpenConnection;
  readonly signal: AbortSignal;
  /** When an unanswered attempt becomes final; infinite for a store under way, which is then patient with a missing bucket, too. */
  readonly deadline: number;
}

/**
 * Repeats an attempt until somebody answers it; one under way when the connection breaks has no answer to wait for.
 * Rejects with what cannot be waited out, or ABORTED.
 */
export async function untilAnswered<T>(
  { link, signal, deadline }: Patience,
  attempt: (attempts: number) => Promise<T>,
): Promise<T> {
  let missingSince: number | undefined;
  for (let attempts = 1; ; attempts++) {
    const delayMs = Math.min(BACKOFF_MS.last, BACKOFF_MS.first * 2 ** (attempts - 1));
    const dropped = new AbortController();
    const unlisten = link.listen({ disconnected: () => dropped.abort() });
    try {
      await link.whenConnected(signal);
      return await abortable(attempt(attempts), AbortSignal.any([signal, dropped.signal]));
    } catch (error) {
      if (link.lost.aborted) throw link.lost.reason;
      if (signal.aborted || !isConnectorError(error)) throw error;
      if (dropped.signal.aborted && Date.now() < deadline) continue;
      missingSince = missing.has(error.code) ? (missingSince ?? Date.now()) : undefined;
      if (!mayPass(error, missingSince, deadline) || Date.now() + delayMs >= deadline) throw error;
    } finally {
      unlisten();
    }
    await abortable(sleep(delayMs), signal);
  }
}

function mayPass(error: ConnectorError, missingSince: number | undefined, deadline: number): boolean {
  if (missingSince === undefined) return unreachable.has(error.code);
  return deadline === Number.POSITIVE_INFINITY && Date.now() - missingSince < PATIENCE_MS;
}
