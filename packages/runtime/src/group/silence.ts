import type { GroupRecord } from "./group-record.js";

/**
 * Tells the dead from the living by their beats alone: no clock is compared with another one's. Time counts only while
 * the board is read again and again, so neither an outage of the board nor a pause of this process makes all others
 * seem dead.
 */
export class Silence {
  readonly #leaseMs: number;
  readonly #longestTurnMs: number;
  #lookedAt: number | undefined;
  #known = new Map<string, { readonly beat: number; readonly quietMs: number; readonly heard: boolean }>();

  /** `longestTurnMs`: the most that one look counts for. */
  constructor(leaseMs: number, longestTurnMs: number) {
    this.#leaseMs = leaseMs;
    this.#longestTurnMs = longestTurnMs;
  }

  /** Takes in what the board says now. Returns the members that have been silent for too long. */
  look({ members }: GroupRecord, now = performance.now()): ReadonlySet<string> {
    const passedMs = Math.min(now - (this.#lookedAt ?? now), this.#longestTurnMs);
    this.#lookedAt = now;
    const known = new Map<string, { readonly beat: number; readonly quietMs: number; readonly heard: boolean }>();
    for (const [id, { beat }] of Object.entries(members)) {
      const before = this.#known.get(id);
      const isSame = before?.beat === beat;
      const heard = before !== undefined && (before.heard || !isSame);
      known.set(id, { beat, quietMs: isSame ? before.quietMs + passedMs : 0, heard });
    }
    this.#known = known;
    return new Set([...known].flatMap(([id, { quietMs }]) => (quietMs >= this.#leaseMs ? [id] : [])));
  }

  /** True for a member that has beaten since it was first seen: it lives. */
  heard(id: string): boolean {
    return this.#known.get(id)?.heard === true;
  }
}
