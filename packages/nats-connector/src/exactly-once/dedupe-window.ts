/** Part of the time for which a stream knows ids that is relied on: clocks differ, and what is sent takes its time. */
const SAFE = 0.8;

/** For how long a stream surely knows ids: by the shortest `duplicate_window` that it was seen with. */
export class DedupeWindow {
  #windowMs = Number.POSITIVE_INFINITY;

  /** True for what was stored so long ago that its id may be forgotten soon, or is. `windowNs` is the window as it is now. */
  isOver(ageMs: number, windowNs = 0): boolean {
    this.#windowMs = Math.min(this.#windowMs, windowNs / 1e6);
    return ageMs > SAFE * this.#windowMs;
  }
}
