import { type Differences, MAX_EXAMPLES, type Tally } from "./differences.js";

/** The `index`th output of an input. */
export interface LineageId {
  readonly sequence: number;
  readonly index: number;
}

const BLOCK = 65_536;

interface Block {
  /** 0: not read; else one more than the outputs that are expected of the input. */
  readonly expected: Uint32Array;
  /** How often the first output was found. */
  readonly found: Uint16Array;
}

/**
 * Counts by source sequence and index: six bytes per input, whatever its size, so that a hundred million inputs fit in
 * memory. Later outputs of one input are rare and counted in a map.
 */
export class LineageTally implements Tally<LineageId> {
  readonly #blocks = new Map<number, Block>();
  /** `<sequence>.<index>` → how often it was found, from index 1 on. */
  readonly #later = new Map<string, number>();
  readonly #examples = { reordered: [] as string[] };
  readonly #ordered: boolean;
  #inputs = 0;
  #expected = 0;
  #found = 0;
  #reordered = 0;
  #highest = 0;

  /** `ordered` false: with several splits the order across them says nothing. */
  constructor(ordered: boolean, saved?: object) {
    this.#ordered = ordered;
    if (saved !== undefined) this.#restore(saved as Saved);
  }

  input(sequence: number): void {
    const { expected } = this.#block(sequence);
    if (expected[sequence % BLOCK] !== 0) return;
    expected[sequence % BLOCK] = 1;
    this.#inputs += 1;
  }

  expect({ sequence }: LineageId): void {
    const { expected } = this.#block(sequence);
    expected[sequence % BLOCK] = (expected[sequence % BLOCK] ?? 0) + 1;
    this.#expected += 1;
  }

  found({ sequence, index }: LineageId): void {
    this.#found += 1;
    if (index > 0) {
      const id = `${sequence}.${index}`;
      this.#later.set(id, (this.#later.get(id) ?? 0) + 1);
      return;
    }
    const { expected, found } = this.#block(sequence);
    const before = found[sequence % BLOCK] ?? 0;
    found[sequence % BLOCK] = Math.min(before + 1, 0xffff);
    // What is repeated, or not expected at all, has no place in the order.
    if (before > 0 || (expected[sequence % BLOCK] ?? 0) < 2) return;
    if (this.#ordered && sequence < this.#highest) {
      this.#reordered += 1;
      if (this.#reordered <= MAX_EXAMPLES) this.#examples.reordered.push(`${sequence} behind ${this.#highest}`);
    }
    this.#highest = Math.max(this.#highest, sequence);
  }

  differences(): Differences {
    const totals = { lost: 0, duplicated: 0, unexpected: 0, unverifiable: 0 };
    const examples = { lost: [] as string[], duplicated: [] as string[], unexpected: [] as string[] };
    const judge = (id: string, expected: number | undefined, found: number): void => {
      const add = (kind: keyof typeof examples, count: number): void => {
        totals[kind] += count;
        if (examples[kind].length < MAX_EXAMPLES) examples[kind].push(id);
      };
      if (expected === undefined) totals.unverifiable += found;
      else if (expected === 0 && found > 0) add("unexpected", found);
      else if (found < expected) add("lost", expected - found);
      else if (found > expected) add("duplicated", found - expected);
    };
    const seen = new Set<string>();
    for (const number of [...this.#blocks.keys()].sort((a, b) => a - b)) {
      const { expected, found } = this.#block(number * BLOCK);
      for (let at = 0; at < BLOCK; at++) {
        const read = expected[at] ?? 0;
        const sequence = number * BLOCK + at;
        const outputs = read === 0 ? undefined : read - 1;
        judge(String(sequence), outputs === undefined ? undefined : Math.min(outputs, 1), found[at] ?? 0);
        for (let index = 1; index < (outputs ?? 0); index++) {
          const id = `${sequence}.${index}`;
          seen.add(id);
          judge(id, 1, this.#later.get(id) ?? 0);
        }
      }
    }
    for (const [id, found] of this.#later) {
      if (seen.has(id)) continue;
      const sequence = Number(id.split(".")[0]);
      judge(id, this.#block(sequence).expected[sequence % BLOCK] === 0 ? undefined : 0, found);
    }
    return {
      ...{ inputs: this.#inputs, expected: this.#expected, found: this.#found, reordered: this.#reordered },
      ...totals,
      examples: { ...examples, ...this.#examples },
    };
  }

  save(): object {
    const blocks = [...this.#blocks].map(([number, { expected, found }]) => [number, pack(expected), pack(found)]);
    const { reordered } = this.#examples;
    return {
      blocks,
      later: [...this.#later],
      examples: reordered,
      counts: [this.#inputs, this.#expected, this.#found, this.#reordered, this.#highest],
    } satisfies Saved;
  }

  #restore({ blocks, later, examples, counts }: Saved): void {
    for (const [number, expected, found] of blocks as [number, string, string][]) {
      this.#blocks.set(number, { expected: new Uint32Array(unpack(expected)), found: new Uint16Array(unpack(found)) });
    }
    for (const [id, count] of later as [string, number][]) this.#later.set(id, count);
    this.#examples.reordered.push(...examples);
    [this.#inputs = 0, this.#expected = 0, this.#found = 0, this.#reordered = 0, this.#highest = 0] = counts;
  }

  #block(sequence: number): Block {
    const number = Math.floor(sequence / BLOCK);
    let block = this.#blocks.get(number);
    if (block === undefined) {
      block = { expected: new Uint32Array(BLOCK), found: new Uint16Array(BLOCK) };
      this.#blocks.set(number, block);
    }
    return block;
  }
}

interface Saved {
  readonly blocks: readonly (readonly (number | string)[])[];
  readonly later: readonly (readonly (number | string)[])[];
  readonly examples: readonly string[];
  readonly counts: readonly number[];
}

function pack(numbers: Uint16Array | Uint32Array): string {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString("base64");
}

/** A buffer of its own, which numbers of any size can be read from. */
function unpack(text: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(text, "base64")).buffer;
}
