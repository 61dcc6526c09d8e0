export interface InvariantOptions {
  /** The input is the numbers from `first` to `last`. Default: 1. */
  first?: number;
  last: number;
  /** Which of these numbers the output must hold, where a pipeline filters. Default: all. */
  expects?(n: number): boolean;
  /** How many examples each finding keeps. Default: 10. */
  examples?: number;
}

/** Numbers from one to another, both included. */
export interface LostRange {
  readonly from: number;
  readonly to: number;
}

/** An output where it should not be. */
export interface MisplacedOutput {
  readonly n: number;
  /** Which output it was, counted from 1. */
  readonly position: number;
  readonly key?: string;
}

export interface Finding<Example> {
  readonly count: number;
  /** The first ones. */
  readonly examples: readonly Example[];
}

export interface InvariantReport {
  /** How many numbers the output must hold. */
  readonly expected: number;
  /** How many outputs there were. */
  readonly seen: number;
  /** Expected and never seen; `count` is of numbers, examples are ranges. */
  readonly lost: Finding<LostRange>;
  /** Seen again. */
  readonly duplicated: Finding<MisplacedOutput>;
  /** Seen for the first time after a greater number of the same key: a repetition of what was seen is not reordered. */
  readonly reordered: Finding<MisplacedOutput & { readonly after: number }>;
  /** Seen and not expected. */
  readonly unexpected: Finding<MisplacedOutput>;
  /** Every expected number once and in order, and nothing else: what exactly once promises. */
  readonly exact: boolean;
  /** Every expected number and nothing else, some perhaps again or late: what at least once promises. */
  readonly atLeastOnce: boolean;
  /** One line for an assertion's message. */
  readonly summary: string;
}

/**
 * Holds an output against the input it comes from. Takes one bit per input number and a number per key, whatever the
 * length of the output, so that millions are no burden.
 */
export interface InvariantChecker {
  /** The next output, in the order of the output; `key` names what order is promised within, such as a split. */
  see(n: number, key?: string): void;
  /** What is wrong up to now. */
  report(): InvariantReport;
}

/** Throws a TypeError when the range is none. */
export function createInvariantChecker(options: InvariantOptions): InvariantChecker {
  const { first = 1, last, expects = () => true, examples = 10 } = options;
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || last < first - 1) {
    throw new TypeError(`the range is ${first} to ${last}, expected two integers in order`);
  }
  const seenBits = new Uint8Array(Math.ceil((last - first + 1) / 8));
  const greatestOf = new Map<string | undefined, number>();
  const duplicated = createFinding<MisplacedOutput>(examples);
  const reordered = createFinding<MisplacedOutput & { after: number }>(examples);
  const unexpected = createFinding<MisplacedOutput>(examples);
  let position = 0;

  const isSeen = (n: number): boolean => (((seenBits[(n - first) >> 3] ?? 0) >> ((n - first) & 7)) & 1) === 1;
  const findLost = (): { expected: number; lost: Finding<LostRange> } => {
    const ranges: { from: number; to: number }[] = [];
    let expected = 0;
    let count = 0;
    let open: { from: number; to: number } | undefined;
    for (let n = first; n <= last; n++) {
      if (!expects(n)) continue;
      expected += 1;
      if (isSeen(n)) {
        open = undefined;
        continue;
      }
      count += 1;
      if (open) {
        open.to = n;
        continue;
      }
      open = { from: n, to: n };
      if (ranges.length < examples) ranges.push(open);
    }
    return { expected, lost: { count, examples: ranges } };
  };

  return {
    see(n, key) {
      position += 1;
      const where = key === undefined ? { n, position } : { n, position, key };
      if (!Number.isSafeInteger(n) || n < first || n > last || !expects(n)) return unexpected.add(where);
      if (isSeen(n)) return duplicated.add(where);
      seenBits[(n - first) >> 3] = (seenBits[(n - first) >> 3] ?? 0) | (1 << ((n - first) & 7));
      const greatest = greatestOf.get(key);
      if (greatest !== undefined && n < greatest) return reordered.add({ ...where, after: greatest });
      greatestOf.set(key, n);
    },
    report() {
      const findings = { ...findLost(), duplicated: duplicated.found(), reordered: reordered.found() };
      const atLeastOnce = findings.lost.count + unexpected.count() === 0;
      const exact = atLeastOnce && duplicated.count() + reordered.count() === 0;
      const report = { ...findings, seen: position, unexpected: unexpected.found(), atLeastOnce };
      return { ...report, exact, summary: summarize(report) };
    },
  };
}

interface GrowingFinding<Example> {
  add(example: Example): void;
  count(): number;
  found(): Finding<Example>;
}

function createFinding<Example>(limit: number): GrowingFinding<Example> {
  const examples: Example[] = [];
  let count = 0;
  return {
    add(example) {
      count += 1;
      if (examples.length < limit) examples.push(example);
    },
    count: () => count,
    found: () => ({ count, examples: [...examples] }),
  };
}

function summarize(report: Omit<InvariantReport, "exact" | "summary">): string {
  const { expected, seen, lost, duplicated, reordered, unexpected } = report;
  const show = (name: string, count: number, examples: readonly string[], shown = examples.length): string =>
    count === 0 ? `${name} 0` : `${name} ${count} (${examples.join(", ")}${count > shown ? ", …" : ""})`;
  const at = ({ n, position, key }: MisplacedOutput): string =>
    `${n} at ${position}${key === undefined ? "" : ` of ${key}`}`;
  const ranges = lost.examples.map(({ from, to }) => (from === to ? `${from}` : `${from}–${to}`));
  const shownLost = lost.examples.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  const late = reordered.examples.map((one) => `${at(one)} after ${one.after}`);
  return [
    `${expected} expected, ${seen} seen`,
    show("lost", lost.count, ranges, shownLost),
    show("duplicated", duplicated.count, duplicated.examples.map(at)),
    show("reordered", reordered.count, late),
    show("unexpected", unexpected.count, unexpected.examples.map(at)),
  ].join(", ");
}
