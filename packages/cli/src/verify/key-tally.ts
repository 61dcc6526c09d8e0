import { type Differences, MAX_EXAMPLES, type Tally } from "./differences.js";

interface KeyCounts {
  expected: number;
  found: number;
  /** Where its first output stands among all expected ones. */
  place: number;
}

/** Counts by a key of the rows, as JSON text: for sinks without lineage. As much memory as there are keys. */
export class KeyTally implements Tally<string> {
  readonly #keys = new Map<string, KeyCounts>();
  readonly #ordered: boolean;
  readonly #reordered: string[] = [];
  #reorderedCount = 0;
  #inputs = 0;
  #expected = 0;
  #found = 0;
  #highest = -1;
  /** Outputs that inputs outside of the range make of keys that were found too often. */
  readonly #beyond = new Map<string, number>();

  constructor(ordered: boolean, saved?: object) {
    this.#ordered = ordered;
    if (saved === undefined) return;
    const { keys, counts, examples } = saved as Saved;
    for (const [key, ...numbers] of keys as [string, number, number, number][]) {
      const [expected = 0, found = 0, place = 0] = numbers;
      this.#keys.set(key, { expected, found, place });
    }
    [this.#inputs = 0, this.#expected = 0, this.#found = 0, this.#reorderedCount = 0, this.#highest = -1] = counts;
    this.#reordered.push(...examples);
  }

  input(): void {
    this.#inputs += 1;
  }

  expect(key: string): void {
    const known = this.#keys.get(key);
    if (known === undefined) this.#keys.set(key, { expected: 1, found: 0, place: this.#expected });
    else known.expected += 1;
    this.#expected += 1;
  }

  found(key: string): void {
    this.#found += 1;
    const known = this.#keys.get(key);
    if (known === undefined) {
      this.#keys.set(key, { expected: 0, found: 1, place: -1 });
      return;
    }
    known.found += 1;
    if (known.found > 1 || known.expected === 0) return;
    if (this.#ordered && known.place < this.#highest) {
      this.#reorderedCount += 1;
      if (this.#reordered.length < MAX_EXAMPLES) this.#reordered.push(key);
    }
    this.#highest = Math.max(this.#highest, known.place);
  }

  beyond(key: string): void {
    const { expected, found } = this.#keys.get(key) ?? { expected: 0, found: 0 };
    if (found > expected) this.#beyond.set(key, (this.#beyond.get(key) ?? 0) + 1);
  }

  differences(): Differences {
    const totals = { lost: 0, duplicated: 0, unexpected: 0, unverifiable: 0 };
    const examples = { lost: [] as string[], duplicated: [] as string[], unexpected: [] as string[] };
    for (const [key, { expected, found }] of this.#keys) {
      const kind = expected === 0 ? "unexpected" : found < expected ? "lost" : "duplicated";
      const others = Math.min(Math.max(0, found - expected), this.#beyond.get(key) ?? 0);
      const count = Math.abs(found - expected) - others;
      totals.unverifiable += others;
      totals[kind] += count;
      if (count > 0 && examples[kind].length < MAX_EXAMPLES) examples[kind].push(key);
    }
    return {
      ...{ inputs: this.#inputs, expected: this.#expected, found: this.#found, reordered: this.#reorderedCount },
      ...totals,
      examples: { ...examples, reordered: this.#reordered },
    };
  }

  save(): object {
    const keys = [...this.#keys].map(([key, { expected, found, place }]) => [key, expected, found, place]);
    const counts = [this.#inputs, this.#expected, this.#found, this.#reorderedCount, this.#highest];
    return { keys, counts, examples: this.#reordered } satisfies Saved;
  }
}

interface Saved {
  readonly keys: readonly (readonly (string | number)[])[];
  readonly counts: readonly number[];
  readonly examples: readonly string[];
}
