import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { batchOf, planOf, withTransform } from "./planning.ts";

const one = (type: string): string => `CREATE TABLE t (i INT, v ${type}) WITH (x = 1);\n`;

it("keeps order, positions, split and end, also beyond one chunk of DuckDB's", async () => {
  const rows = Array.from({ length: 5000 }, (_, i) => ({ i, v: `r${i}` }));
  const text = `${one("TEXT")}SELECT v, i * 2 AS w FROM t WHERE i % 3 = 1`;
  const result = await withTransform(text, (transform) => transform.process(batchOf(rows)));
  const kept = rows.filter(({ i }) => i % 3 === 1);
  expect(result.rows).toEqual(kept.map(({ i, v }) => ({ v, w: i * 2 })));
  expect(result.positions).toEqual(kept.map(({ i }) => 100 + i));
  expect(result).toMatchObject({ split: "s", end: 5100 });
});

it("gives a batch without rows when none survives, and hands on untouched rows by reference", async () => {
  await withTransform(`${one("TEXT")}SELECT * FROM t WHERE i > 0`, async (transform) => {
    const row = { i: 1, v: "x" };
    expect(await transform.process(batchOf([{ i: 0, v: null }]))).toEqual({
      rows: [],
      split: "s",
      positions: [],
      end: 101,
    });
    expect((await transform.process(batchOf([{ i: -1, v: "y" }, row]))).rows[0]).toBe(row);
    const all = batchOf([row, row]);
    expect(await transform.process(all)).toBe(all);
    const none = batchOf([]);
    expect(await transform.process(none)).toBe(none);
  });
});

it("treats NULL in a WHERE as no", async () => {
  const rows = [{ i: null, v: null }];
  const text = `${one("TEXT")}SELECT * FROM t WHERE i > 0`;
  expect((await withTransform(text, (transform) => transform.process(batchOf(rows)))).rows).toEqual([]);
});

test.prop([fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 40 }), fc.integer({ min: -5, max: 5 })], {
  numRuns: 30,
})("a filter keeps what JavaScript's filter keeps", async (given, limit) => {
  const rows = given.map((i, n) => ({ i, v: `${n}` }));
  const text = `${one("TEXT")}SELECT * FROM t WHERE i > ${limit}`;
  const result = await withTransform(text, (transform) => transform.process(batchOf(rows)));
  expect(result.rows).toEqual(rows.filter(({ i }) => i > limit));
});

describe("an expression that fails", () => {
  it.each([
    ["a CAST", "CAST(v AS INT) AS n", "secret-payload"],
    ["an overflow", "i + 2147483647 AS n", "1"],
  ])("%s is BAD_DATA with the position, without the value, and the transform goes on", async (_, item, v) => {
    await withTransform(`${one("TEXT")}SELECT ${item} FROM t`, async (transform) => {
      const rows = [0, 0, 0, 1, 0].map((i) => ({ i, v: i === 0 ? "0" : v }));
      const failure = await Promise.resolve(transform.process(batchOf(rows))).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "BAD_DATA", exitCode: 6, context: { position: 103, split: "s" } });
      expect(String(failure)).not.toContain("secret-payload");
      expect((await transform.process(batchOf([{ i: 0, v: "0" }]))).rows).toHaveLength(1);
    });
  });
});

it.each([
  ["i + 1 AS n", true],
  ["random() AS n", false],
  ["NOW() AS n", false],
  ["current_timestamp AS n", false],
  ["coalesce(v, uuid()::TEXT) AS n", false],
])("%s: deterministic %s", async (item, deterministic) => {
  expect((await planOf(`${one("TEXT")}SELECT ${item} FROM t`)).deterministic).toBe(deterministic);
});

it("refuses use before open and after close", async () => {
  const transform = (await planOf(`${one("TEXT")}SELECT * FROM t WHERE i > 0`)).createTransform();
  await expect(transform.process(batchOf([]))).rejects.toMatchObject({ code: "CLOSED" });
  await transform.open();
  await transform.close();
  await transform.close();
  await expect(transform.process(batchOf([]))).rejects.toMatchObject({ code: "CLOSED" });
});
