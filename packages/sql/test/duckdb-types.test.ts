import { fc, test } from "@fast-check/vitest";
import type { Row, RowValue } from "@x/connector-api";
import { describe, expect, it } from "vitest";
import { batchOf, withTransform } from "./planning.ts";

const uuid = "6b30e2a0-1111-4222-8333-944455566677";
const micros = [-1n, 0n, 1_600_000_000_123_456n, -62_167_219_200_000_000n, 253_402_300_799_999_999n];
const nanos = [-1n, 0n, 1_600_000_000_123_456_789n, 2n ** 63n - 2n, -(2n ** 63n) + 2n];
const millis = [new Date(0), new Date(-1), new Date("2262-05-01T00:00:00.001Z"), new Date(-62_167_219_200_000)];

/** Values of every type that get lost on bad roads. */
const values: readonly (readonly [type: string, values: readonly RowValue[]])[] = [
  ["BOOLEAN", [true, false]],
  ["SMALLINT", [-32768, 32767]],
  ["INT", [-2147483648, 2147483647]],
  ["BIGINT", [Number.MAX_SAFE_INTEGER, 9007199254740993n, 2n ** 63n - 1n, -(2n ** 63n), 0]],
  ["SMALLINT UNSIGNED", [0, 65535]],
  ["INT UNSIGNED", [0, 4294967295]],
  ["BIGINT UNSIGNED", [0, 2n ** 64n - 1n]],
  ["REAL", [0.5, -1.25, Number.NaN, Number.POSITIVE_INFINITY]],
  ["DOUBLE", [0.1, -1e300, 5e-324, Number.NaN, Number.NEGATIVE_INFINITY]],
  ["DECIMAL(38, 10)", ["1234567890123456789012345678.0123456789", "-0.0000000001", "0.0000000000"]],
  ["DECIMAL(38, 38)", [`0.${"9".repeat(38)}`, `-0.${"0".repeat(37)}1`]],
  ["DECIMAL(38, 0)", ["9".repeat(38), `-${"9".repeat(38)}`]],
  ["DECIMAL(4, 2)", ["99.99", "-0.01"]],
  ["TEXT", ["", "é😀", "it's\n\0x", "x".repeat(5000)]],
  ["UUID", [uuid]],
  ["BYTEA", [new Uint8Array([]), new Uint8Array([0, 255, 39]), new Uint8Array(1000).fill(92)]],
  ["DATE", ["2020-02-29", "1969-12-31", "0000-01-01", "9999-12-31"]],
  ["TIME", ["00:00:00", "23:59:59.999999"]],
  ...[0, 1, 2, 3].map((digits) => [`TIMESTAMP(${digits})`, millis] as const),
  ...[4, 5, 6].map((digits) => [`TIMESTAMP(${digits})`, micros] as const),
  ...[7, 8, 9].map((digits) => [`TIMESTAMP(${digits})`, nanos] as const),
  ["JSON", [{ a: [1, null, "x"], b: { c: true } }, [], "text", 1.5, false, { big: [2n ** 60n, -(2n ** 70n)] }]],
  ["TEXT[]", [[], ["a", null, ""]]],
  ["BIGINT[][]", [[[1, 9007199254740993n], [], null]]],
  [
    'STRUCT<a INT, "b c" STRUCT<d DATE[]>>',
    [
      { a: null, "b c": { d: ["2020-01-01", null] } },
      { a: 1, "b c": null },
    ],
  ],
];

/** A row as an expression gives it back. */
async function throughDuckdb(type: string, given: readonly RowValue[]): Promise<RowValue[]> {
  const rows: Row[] = given.map((v, i) => ({ i, v }));
  const sql = `CREATE TABLE t (i INT, v ${type}) WITH (x = 1); CREATE TABLE d (v ${type}) WITH (x = 1);
INSERT INTO d SELECT coalesce(v) FROM t WHERE i >= 0`;
  const result = await withTransform(sql, (transform) => transform.process(batchOf(rows)));
  return result.rows.map(({ v }) => v as RowValue);
}

describe("every type goes through DuckDB and comes back equal", () => {
  it.each(values)("%s", async (type, given) => {
    expect(await throughDuckdb(type, [...given, null])).toEqual([...given, null]);
  });
});

/** A type of types, and a value of it. */
const nested = fc.letrec<{ pair: { readonly type: string; readonly value: RowValue } }>((tie) => {
  const plain = fc
    .constantFrom(...values)
    .chain(([type, pool]) => fc.constantFrom<RowValue>(...pool, null).map((value) => ({ type, value })));
  const array = tie("pair").map(({ type, value }) => ({ type: `${type}[]`, value: [value, null, value] }));
  const struct = fc.array(tie("pair"), { minLength: 1, maxLength: 4 }).map((pairs) => ({
    type: `STRUCT<${pairs.map(({ type }, i) => `"f ${i}" ${type}`).join(", ")}>`,
    value: Object.fromEntries(pairs.map(({ value }, i) => [`f ${i}`, value])),
  }));
  return { pair: fc.oneof({ maxDepth: 3 }, plain, array, struct) };
}).pair;

test.prop([nested], { numRuns: 60, seed: 20260101 })("nested in any way too", async ({ type, value }) => {
  expect(await throughDuckdb(type, [value, null])).toEqual([value, null]);
});

describe("what DuckDB cannot hold is BAD_DATA, never another value", () => {
  it.each([
    ["TIME", "12:00:00.0000001", "below the microseconds"],
    ["TIMESTAMP(6)", 2n ** 63n, "beyond the 64 bits"],
    ["TIMESTAMP(9)", -(2n ** 63n), "beyond the 64 bits"],
    ["TIMESTAMP(9)", 2n ** 63n - 1n, "beyond the 64 bits"],
    ["JSON", { a: Number.NaN }, "number that JSON cannot hold"],
  ])("%s %s", async (type, value, says) => {
    await expect(throughDuckdb(type, [null, value])).rejects.toMatchObject({
      code: "BAD_DATA",
      message: expect.stringContaining(says),
      context: { position: 101 },
    });
  });

  it.each(["CAST('infinity' AS TIMESTAMP)", "CAST('infinity' AS DATE)", "CAST('0002-01-01 (BC)' AS DATE)"])(
    "%s",
    async (expression) => {
      const sql = `CREATE TABLE t (i INT) WITH (x = 1); SELECT CASE WHEN i > 0 THEN ${expression} END AS v FROM t`;
      const running = withTransform(sql, (transform) => transform.process(batchOf([{ i: 0 }, { i: 1 }])));
      await expect(running).rejects.toMatchObject({ code: "BAD_DATA", context: { position: 101 } });
    },
  );
});
