import { describe, expect, it } from "vitest";
import { createInvariantChecker, createRandom } from "../src/index.ts";

function check(outputs: readonly number[], options: Parameters<typeof createInvariantChecker>[0]) {
  const checker = createInvariantChecker(options);
  for (const n of outputs) checker.see(n);
  return checker.report();
}

describe("createInvariantChecker", () => {
  it("finds nothing wrong with the input itself", () => {
    expect(check([1, 2, 3, 4, 5], { last: 5 })).toMatchObject({ expected: 5, seen: 5, exact: true, atLeastOnce: true });
    expect(check([], { last: 0 })).toMatchObject({ expected: 0, exact: true });
    expect(check([12, 14], { first: 11, last: 15, expects: (n) => n % 2 === 0 })).toMatchObject({ exact: true });
  });

  it("names what is lost as ranges", () => {
    const report = check([1, 4, 5, 7], { last: 10 });
    expect(report.lost).toEqual({
      count: 6,
      examples: [
        { from: 2, to: 3 },
        { from: 6, to: 6 },
        { from: 8, to: 10 },
      ],
    });
    expect(report).toMatchObject({ exact: false, atLeastOnce: false });
    expect(report.summary).toBe("10 expected, 4 seen, lost 6 (2–3, 6, 8–10), duplicated 0, reordered 0, unexpected 0");
  });

  it("takes a repetition after a restart for duplicates, not for another order", () => {
    const report = check([1, 2, 3, 4, 3, 4, 5], { last: 5 });
    expect(report).toMatchObject({ exact: false, atLeastOnce: true, reordered: { count: 0 } });
    expect(report.duplicated).toEqual({
      count: 2,
      examples: [
        { n: 3, position: 5 },
        { n: 4, position: 6 },
      ],
    });
  });

  it("finds what came too late", () => {
    const report = check([1, 3, 4, 2, 5], { last: 5 });
    expect(report.reordered).toEqual({ count: 1, examples: [{ n: 2, position: 4, after: 4 }] });
    expect(report).toMatchObject({ exact: false, atLeastOnce: true, lost: { count: 0 }, duplicated: { count: 0 } });
  });

  it("asks for order only within a key", () => {
    const checker = createInvariantChecker({ last: 4 });
    for (const [n, key] of [
      [2, "even"],
      [1, "odd"],
      [4, "even"],
      [3, "odd"],
    ] as const)
      checker.see(n, key);
    expect(checker.report().exact).toBe(true);
    checker.see(3, "odd");
    expect(checker.report().summary).toMatch(/duplicated 1 \(3 at 5 of odd\)/);
  });

  it("finds what nobody expected", () => {
    const report = check([1, 2, 0, 99, Number.NaN, 3], { last: 3, expects: (n) => n !== 2 });
    expect(report.unexpected.count).toBe(4);
    expect(report.unexpected.examples.map(({ n }) => n)).toEqual([2, 0, 99, Number.NaN]);
    expect(report.atLeastOnce).toBe(false);
  });

  it("keeps its counts over millions and a few examples", () => {
    const last = 3_000_000;
    const checker = createInvariantChecker({ last, examples: 2 });
    const random = createRandom(1);
    const expected = { lost: 0, duplicated: 0 };
    for (let n = 1; n <= last; n++) {
      const dice = random.integer(1, 1_000);
      if (dice === 1) {
        expected.lost += 1;
        continue;
      }
      checker.see(n);
      if (dice !== 2) continue;
      expected.duplicated += 1;
      checker.see(n);
    }
    const { lost, duplicated, reordered, summary } = checker.report();
    expect({ lost: lost.count, duplicated: duplicated.count, reordered: reordered.count }).toEqual({
      ...expected,
      reordered: 0,
    });
    expect(summary).toMatch(/lost \d+ \(\d+, \d+, …\), duplicated \d+ \(\d+ at \d+, \d+ at \d+, …\), reordered 0/);
    expect([lost.examples.length, duplicated.examples.length]).toEqual([2, 2]);
  });

  it("refuses a range that is none", () => {
    expect(() => createInvariantChecker({ last: -1 })).toThrow(/the range is 1 to -1/);
    expect(() => createInvariantChecker({ last: 1.5 })).toThrow(/expected two integers/);
  });
});
