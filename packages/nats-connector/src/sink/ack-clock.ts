export interface AckClockOptions {
  readonly timeoutMs: number;
  /** The oldest message that waits for its answer; undefined when none is under way. */
  readonly oldest: () => number | undefined;
  /** It has waited too long. */
  readonly late: () => void;
}

/** Tells when the oldest message under way has waited too long for its answer, without a timer for each. */
export class AckClock {
  readonly #options: AckClockOptions;
  readonly #ticker: NodeJS.Timeout;
  #last: number | undefined;
  #movedMs = performance.now();

  constructor(options: AckClockOptions) {
    this.#options = options;
    this.#ticker = setInterval(() => this.#tick(), Math.max(10, options.timeoutMs / 10));
    this.#ticker.unref();
  }

  /** What is under way was sent just now. */
  restart(): void {
    this.#movedMs = performance.now();
  }

  stop(): void {
    clearInterval(this.#ticker);
  }

  #tick(): void {
    const { oldest, timeoutMs, late } = this.#options;
    const head = oldest();
    if (head === undefined || head !== this.#last) {
      this.#last = head;
      this.restart();
    } else if (performance.now() - this.#movedMs >= timeoutMs) late();
  }
}
