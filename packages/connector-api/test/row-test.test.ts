import fc from "fast-check";
import { expect, it } from "vitest";
import { compileRowChecker, defineSchema, isConnectorError, parseColumn, type Row } from "../src/index.js";
import { compileExplanation, type ScalarType, scalarTest } from "../src/row-checker.js";
import { compileRowTest } from "../src/row-test.js";

const texts = [
  ...["BOOLEAN", "SMALLINT", "SMALLINT UNSIGNED", "INT", "INT UNSIGNED", "BIGINT", "BIGINT UNSIGNED", "DOUBLE"],
  ...[
    "TEXT",
    "BYTEA",
    "TIMESTAMP",
    "TIMESTAMP(6)",
    "JSON",
    "INT[]",
    "STRUCT<a INT NOT NULL, b TEXT[]>",
    "STRUCT<a JSON>[]",
  ],
];
const edges = [
  0,
  -0,
  0.5,
  32767,
  32768,
  -32769,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  Number.NaN,
];
const value = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withTypedArray: true }),
  fc.constantFrom<unknown>(...edges, ...edges.map((n) => -n), 2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, null, undefined),
  fc.array(fc.oneof(fc.integer(), fc.string(), fc.constant(null))),
  fc.record({ a: fc.oneof(fc.integer(), fc.constant(null)), b: fc.array(fc.string()) }, { requiredKeys: [] }),
);

/** Where generated code is forbidden, the closures decide alone: both must say the same about everything. */
it("says the same as the explaining check", () => {
  fc.assert(
    fc.property(fc.constantFrom(...texts), fc.boolean(), value, (text, notNull, c) => {
      const schema = { columns: [parseColumn("c", notNull ? `${text} NOT NULL` : text)] };
      const fits = compileRowTest(schema, (type) => scalarTest(type as ScalarType))?.({ c } as Row);
      expect(fits).toBe(!refused(compileExplanation(schema), { c } as Row));
    }),
    { numRuns: 3000 },
  );
});

function refused(check: (row: Row) => void, row: Row): boolean {
  try {
    check(row);
    return false;
  } catch (error) {
    if (isConnectorError(error)) return true;
    throw error;
  }
}

it("stays within four times a check written by hand", { retry: 2 }, () => {
  const schema = defineSchema({ id: "BIGINT NOT NULL", delay: "INT", distance: "INT", time: "DOUBLE", note: "TEXT" });
  const compiled = compileRowChecker(schema);
  const rows = Array.from({ length: 1000 }, (_, i) => ({
    id: i,
    delay: -i,
    distance: null,
    time: i / 3,
    note: `n${i}`,
  }));
  const best = (check: (row: Row) => void): number =>
    Math.min(
      ...Array.from({ length: 30 }, () => {
        const startedAt = performance.now();
        for (let i = 0; i < 20; i++) for (const row of rows) check(row);
        return performance.now() - startedAt;
      }),
    );
  const [hand, ours] = [best(byHand), best(compiled)];
  expect(hand / ours, `by hand ${hand} ms, compiled ${ours} ms`).toBeGreaterThan(0.25);
});

function byHand({ id, delay, distance, time, note }: Row): void {
  if (!(typeof id === "number" ? Number.isSafeInteger(id) : typeof id === "bigint" && BigInt.asIntN(64, id) === id))
    throw new Error("id");
  if (delay !== null && delay !== undefined && (typeof delay !== "number" || (delay | 0) !== delay))
    throw new Error("delay");
  if (distance !== null && distance !== undefined && (typeof distance !== "number" || (distance | 0) !== distance))
    throw new Error("distance");
  if (time !== null && time !== undefined && typeof time !== "number") throw new Error("time");
  if (note !== null && note !== undefined && typeof note !== "string") throw new Error("note");
}
