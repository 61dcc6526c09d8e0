const FIRST_MS = 100;
const LAST_MS = 2000;

/** The pauses between attempts: each failure in a row doubles the next one, from 100 ms to 2 s. */
export class Backoff {
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  get failures(): number {
    return this.#failures;
  }

  /** The pause that the failures so far call for. */
  get ms(): number {
    return Math.min(LAST_MS, FIRST_MS * 2 ** this.#failures);
  }

  /** Counts a failure and calls `go` after a pause: at once for none. */
  again(delayMs: number, go: () => void): void {
    this.#failures += 1;
    if (delayMs === 0) go();
    else this.#timer = setTimeout(go, delayMs);
  }

  /** Something succeeded. */
  reset(): void {
    this.#failures = 0;
  }

  /** What waits for its turn is not called any more. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
