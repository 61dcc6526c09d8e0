const TICK_MS = 250;

/**
 * Knows when this process was last too busy to read. A server drops who does not read (a "slow consumer"), and the
 * client then sees only a lost connection: the pause is the one sign of it on this side.
 */
export class StallWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #leastMs: number;
  #tickedAt = performance.now();
  #last: { readonly endedAt: number; readonly pausedMs: number } | undefined;

  /** Pauses below `leastMs` do not count. */
  constructor(leastMs: number) {
    this.#leastMs = leastMs;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** The last pause, in milliseconds, if it ended within `withinMs`; undefined for none. */
  pauseWithin(withinMs: number): number | undefined {
    this.#tick();
    if (this.#last === undefined || performance.now() - this.#last.endedAt > withinMs) return undefined;
    return this.#last.pausedMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const endedAt = performance.now();
    const pausedMs = Math.round(endedAt - this.#tickedAt - TICK_MS);
    if (pausedMs >= this.#leastMs) this.#last = { endedAt, pausedMs };
    this.#tickedAt = endedAt;
  }
}
