import { describe, expect, test } from "vitest";
import type { Differences, Tally } from "../../src/verify/differences.js";
import { KeyTally } from "../../src/verify/key-tally.js";
import { type LineageId, LineageTally } from "../../src/verify/lineage-tally.js";

const counts = ({ examples: _, ...numbers }: Differences): object => numbers;

describe("LineageTally", () => {
  const tallyOf = (inputs: readonly number[][], found: readonly (readonly [number, number])[], ordered = true) => {
    const tally = new LineageTally(ordered);
    for (const [sequence = 0, outputs = 0] of inputs) {
      tally.input(sequence);
      for (let index = 0; index < outputs; index++) tally.expect({ sequence, index });
    }
    for (const [sequence, index] of found) tally.found({ sequence, index });
    return tally.differences();
  };

  test("all there, once, in order: no difference", () => {
    const all = tallyOf(
      [
        [1, 1],
        [2, 0],
        [70_000, 2],
      ],
      [
        [1, 0],
        [70_000, 0],
        [70_000, 1],
      ],
    );
    expect(counts(all)).toEqual({
      ...{ inputs: 3, expected: 3, found: 3, lost: 0, duplicated: 0, reordered: 0, unexpected: 0, unverifiable: 0 },
    });
  });

  test("each kind is counted by itself, the same input may lose one output and repeat another", () => {
    const found = [
      [1, 0],
      [3, 0],
      [2, 0],
      [2, 0],
      [9, 0],
      [4, 0],
      [5, 1],
      [5, 1],
    ] as const;
    const some = tallyOf(
      [
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 0],
        [5, 2],
        [6, 1],
      ],
      found,
    );
    expect(some).toMatchObject({ lost: 2, duplicated: 2, reordered: 1, unexpected: 1, unverifiable: 1, found: 8 });
    expect(some.examples).toEqual({
      lost: ["5", "6"],
      duplicated: ["2", "5.1"],
      reordered: ["2 behind 3"],
      unexpected: ["4"],
    });
  });

  test("a repeated run is duplicates, not disorder; across splits order says nothing", () => {
    expect(
      tallyOf(
        [
          [1, 1],
          [2, 1],
          [3, 1],
        ],
        [
          [1, 0],
          [2, 0],
          [1, 0],
          [2, 0],
          [3, 0],
        ],
      ),
    ).toMatchObject({
      duplicated: 2,
      reordered: 0,
    });
    expect(
      tallyOf(
        [
          [1, 1],
          [2, 1],
        ],
        [
          [2, 0],
          [1, 0],
        ],
        false,
      ),
    ).toMatchObject({ reordered: 0, lost: 0 });
  });
});

describe("KeyTally", () => {
  test("counts keys as often as they are expected, and their order by their first", () => {
    const tally = new KeyTally(true);
    for (const key of ["a", "b", "b", "c"]) tally.expect(key);
    for (const key of ["b", "a", "b", "b", "x"]) tally.found(key);
    expect(tally.differences()).toMatchObject({
      expected: 4,
      found: 5,
      lost: 1,
      duplicated: 1,
      reordered: 1,
      unexpected: 1,
    });
    expect(tally.differences().examples).toEqual({
      lost: ["c"],
      duplicated: ["b"],
      reordered: ["a"],
      unexpected: ["x"],
    });
  });
});

/** Any run, cut anywhere and gone on with from what was saved, counts the same. */
describe.each([
  ["by lineage", (saved?: object): Tally<never> => new LineageTally(true, saved) as Tally<never>],
  ["by key", (saved?: object): Tally<never> => new KeyTally(true, saved) as Tally<never>],
])("saved and taken up again, %s", (_name, create) => {
  test.each(Array.from({ length: 50 }, (_, seed) => seed))("seed %i", (seed) => {
    let state = seed + 1;
    const random = (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
    const id = (): never => {
      const lineage: LineageId = { sequence: 1 + random(12), index: random(3) };
      return (_name === "by key" ? String(lineage.sequence) : lineage) as never;
    };
    const steps = Array.from({ length: 60 }, (_, i) => ({
      kind: i < 15 ? "input" : i < 30 ? "expect" : "found",
      id: id(),
    }));
    const run = (tally: Tally<never>, from: number, to: number): void => {
      for (const step of steps.slice(from, to)) {
        if (step.kind === "input") tally.input(1 + random(12));
        else tally[step.kind as "expect" | "found"](step.id);
      }
    };
    const begun = state;
    const whole = create();
    run(whole, 0, steps.length);
    state = begun;
    const cut = 1 + (seed % (steps.length - 1));
    const first = create();
    run(first, 0, cut);
    const second = create(JSON.parse(JSON.stringify(first.save())));
    run(second, cut, steps.length);
    expect(second.differences()).toEqual(whole.differences());
  });
});

test("KeyTally: what inputs outside of the range make is neither repeated nor unexpected", () => {
  const tally = new KeyTally(true);
  for (const key of ["a", "b"]) tally.expect(key);
  for (const key of ["a", "b", "b", "c", "c", "d"]) tally.found(key);
  // Inputs behind the range make b once, c once, and e, which has not come out yet.
  for (const key of ["b", "c", "e"]) tally.beyond(key);
  expect(tally.differences()).toMatchObject({ lost: 0, duplicated: 0, unexpected: 2, unverifiable: 2, found: 6 });
});

test("LineageTally: an input of more lines than 16 bits count, also after it was kept", () => {
  const lines = 70_000;
  const tally = new LineageTally(true);
  tally.input(7);
  for (let index = 0; index < lines; index++) tally.expect({ sequence: 7, index });
  const again = new LineageTally(true, JSON.parse(JSON.stringify(tally.save())));
  for (let index = 0; index < lines; index++) again.found({ sequence: 7, index });
  expect(again.differences()).toMatchObject({ expected: lines, found: lines, lost: 0, duplicated: 0, unexpected: 0 });
});
