import { ConnectorError } from "./errors.js";

/** Holds a reader to a number of messages per second. */
export interface RateLimit {
  /**
   * Resolves when `n` messages may be handed on. Takers are served in order; `n` may be greater than a second's worth.
   * Rejects with ABORTED when the signal aborts while it waits; nothing was taken then.
   */
  take(n: number, signal?: AbortSignal): Promise<void>;
}

/** Time for a rate limit; tests bring their own. */
export interface RateClock {
  /** Milliseconds that never go backwards. */
  now(): number;
  /** Resolves after `ms`, or as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

/** What may be taken at once after a pause: a tenth of a second's worth, at least one message. */
const burstSeconds = 0.1;

/** A token bucket: over any stretch of time no more than the rate times its length, plus one burst, comes through. */
export function createRateLimit(messagesPerSecond: number, clock: RateClock = systemClock): RateLimit {
  if (!(messagesPerSecond > 0) || !Number.isFinite(messagesPerSecond)) {
    throw new ConnectorError("OPTION_INVALID", `rate limit: expected a number above 0, got ${messagesPerSecond}`);
  }
  const perMs = messagesPerSecond / 1000;
  const burst = Math.max(1, messagesPerSecond * burstSeconds);
  // Below zero is a debt: a taker takes at once and then waits until its debt is paid, so order needs no queue.
  let tokens = burst;
  let at = clock.now();

  return {
    async take(n, signal) {
      if (signal?.aborted) throw aborted(signal);
      const now = clock.now();
      tokens = Math.min(burst, tokens + (now - at) * perMs) - n;
      at = now;
      if (tokens >= 0) return;
      await clock.sleep(Math.ceil(-tokens / perMs), signal);
      if (!signal?.aborted) return;
      tokens += n;
      throw aborted(signal);
    },
  };
}

function aborted(signal: AbortSignal): ConnectorError {
  return new ConnectorError("ABORTED", "stopped while waiting for the rate limit", { cause: signal.reason });
}

const systemClock: RateClock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    }),
};
