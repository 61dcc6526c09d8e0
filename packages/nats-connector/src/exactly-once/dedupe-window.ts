import { ConnectorError } from "@x/connector-api";

/** Part of the time for which a stream knows ids that is relied on: clocks differ, and what is sent takes its time. */
const SAFE = 0.8;

/**
 * For how long a message may be sent again and still be known by its id. Asked before anything is sent again, told
 * whenever nothing is unconfirmed: then what is sent next is younger than that moment.
 */
export class DedupeWindow {
  readonly #stream: string;
  #safeMs: number;
  // Two clocks: the one stands still while a machine sleeps, the other may be set back.
  #steadyMs = performance.now();
  #wallMs = Date.now();

  /** `windowMs`: the stream's `duplicate_window`. */
  constructor(stream: string, windowMs: number) {
    this.#stream = stream;
    this.#safeMs = SAFE * windowMs;
  }

  /** True for what was stored so long ago that its id may be forgotten soon, or is. */
  isOver(ageMs: number): boolean {
    return ageMs > this.#safeMs;
  }

  allConfirmed(): void {
    this.#steadyMs = performance.now();
    this.#wallMs = Date.now();
  }

  /**
   * Why nothing may be sent again any more; undefined while it may. The host begins anew, behind what is stored.
   * `windowMs`: the stream's `duplicate_window` as it is now; a shorter one counts at once.
   */
  repetition(windowMs: number): ConnectorError | undefined {
    this.#safeMs = Math.min(this.#safeMs, SAFE * windowMs);
    const ageMs = Math.max(performance.now() - this.#steadyMs, Date.now() - this.#wallMs);
    if (!this.isOver(ageMs)) return undefined;
    return new ConnectorError(
      "SERVER_UNAVAILABLE",
      `stream "${this.#stream}" has not confirmed what was sent for ${Math.round(ageMs)} ms and would soon not know it again (duplicate_window): beginning anew behind what it holds`,
      { context: { stream: this.#stream, ageMs } },
    );
  }
}
