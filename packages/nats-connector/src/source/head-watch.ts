import type { Jump } from "./jumps.js";

/** How long what a stream has said of its head is good for while the reader is well in front of it. */
const CALM_MS = 1000;
const NEAR_MS = 20;

/**
 * Sees that the limits of a stream remove what a filtered split has not read yet. Its sequences jump by design, so only
 * the head of the stream tells: it has come behind the reader, or where the reader was at the last look. Asks once a second,
 * more often near the head, and not for a split to which everything was sent at once.
 */
export class HeadWatch {
  /** The head was not behind this at the last look, and at the one before. */
  #vouched: number;
  #before: number;
  #calmUntil = 0;
  #isEmpty: boolean;
  #isUnsure = false;

  constructor(seen: number, isEmpty: boolean) {
    this.#vouched = seen;
    this.#before = seen;
    this.#isEmpty = isEmpty;
  }

  /** A message comes behind a jump. True when that has to be asked about before anything behind it is handed on. */
  jumps(): boolean {
    if (this.#isEmpty) return false;
    if (Date.now() >= this.#calmUntil) return true;
    this.#isUnsure = true;
    return false;
  }

  /** True when there were jumps since the last look: it is time for another one when nothing more comes. */
  get isUnsure(): boolean {
    return this.#isUnsure;
  }

  /** A message came, with so many behind it. */
  delivered(pending: number): void {
    this.#isEmpty = pending === 0;
  }

  /** A pull waits and nothing comes: all was sent, or what was left is gone. */
  idle(): void {
    this.#isUnsure ||= !this.#isEmpty;
  }

  /** Nothing was asked for until now: what came meanwhile has waited, and may be gone. */
  waited(): void {
    this.#isEmpty = false;
    this.#calmUntil = 0;
  }

  /**
   * What may have gone unread, with the head at `first`, everything up to `seen` read or for others, and `next` being the
   * message behind it, if there is one. Undefined for nothing.
   */
  look(first: number, seen: number, next: number | undefined): Jump | undefined {
    // Of a split to which everything was sent the head takes nothing, however far it is.
    const head = this.#isEmpty ? Math.min(first, seen + 1) : first;
    const from = Math.max(this.#vouched, head > seen + 1 ? seen : 0) + 1;
    const to = Math.min(head, next ?? head) - 1;
    this.#calmUntil = Date.now() + (head <= this.#before + 1 ? CALM_MS : NEAR_MS);
    this.#before = this.#vouched;
    this.#vouched = Math.max(seen, head - 1);
    this.#isUnsure = false;
    this.#isEmpty ||= next === undefined;
    return to < from ? undefined : { from, to };
  }
}
