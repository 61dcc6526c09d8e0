import { fc, test } from "@fast-check/vitest";
import { expect, it } from "vitest";
import { batchOf, planOf, withTransform } from "./planning.ts";

const source = `CREATE TABLE src (a SMALLINT, b INT, c BIGINT, "__proto__" TEXT, t TIMESTAMP, f REAL) WITH (x = 1);\n`;
const row = JSON.parse('{"a": 1, "b": 2, "c": 3, "__proto__": "p", "t": null, "f": 0.5}');

it("hands on rows by reference when nothing changes", async () => {
  const plan = await planOf(`${source}SELECT * FROM src`);
  const batch = batchOf([row]);
  expect(plan.engine).toBe("identity");
  expect(await plan.createTransform().process(batch)).toBe(batch);
});

it("is plain code for columns, aliases and constants", async () => {
  const plan = await planOf(`${source}SELECT c AS x, 'k' AS k, -5 AS n, NULL AS z, "__proto__" AS p, A FROM src`);
  expect(plan.engine).toBe("projection");
  expect(plan.deterministic).toBe(true);
  const { rows } = await plan.createTransform().process(batchOf([row]));
  expect(rows).toEqual([{ x: 3, k: "k", n: -5, z: null, p: "p", a: 1 }]);
});

it("keeps a column named __proto__ as a column", async () => {
  const plan = await planOf(`${source}SELECT "__proto__", a FROM src`);
  const { rows } = await plan.createTransform().process(batchOf([row]));
  expect(Object.getOwnPropertyNames(rows[0])).toEqual(["__proto__", "a"]);
});

it("maps by position to the sink's names and widens", async () => {
  const sink = "CREATE TABLE d (i INT, f DOUBLE, m DECIMAL(30, 2), t6 TIMESTAMP(6), t9 TIMESTAMP(9)) WITH (x = 1);";
  const text = `${source}${sink} INSERT INTO d SELECT a, c, c, t, t FROM src`;
  const time = new Date("2020-01-01T00:00:00.123Z");
  const big = 2n ** 60n;
  const { rows } = await withTransform(text, (transform) => transform.process(batchOf([{ ...row, c: big, t: time }])));
  const micros = BigInt(time.getTime()) * 1000n;
  expect(rows).toEqual([{ i: 1, f: Number(big), m: `${big}.00`, t6: micros, t9: micros * 1000n }]);
});

it("maps a column list by name and fills the others with null", async () => {
  const text = `${source}CREATE TABLE d (x INT, y INT, z TEXT) WITH (x = 1); INSERT INTO d (Y, x) SELECT a, b FROM src`;
  const { rows } = await withTransform(text, (transform) => transform.process(batchOf([row])));
  expect(rows).toEqual([{ x: 2, y: 1, z: null }]);
});

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6, unit: "grapheme" }), {
  minLength: 1,
  maxLength: 6,
});
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

test.prop([names, fc.array(fc.integer(), { maxLength: 5 }), fc.infiniteStream(fc.nat())])(
  "any selection of any columns gives those values in that order",
  async (columns, values, picks) => {
    const chosen = columns.map((_, i) => ({
      column: columns[(picks.next().value ?? 0) % columns.length] ?? "",
      as: `o${i}`,
    }));
    const declared = columns.map((name) => `${quote(name)} INT`).join(", ");
    const list = chosen.map(({ column, as }) => `${quote(column)} AS ${as}`).join(", ");
    const text = `CREATE TABLE s (${declared}) WITH (x = 1); SELECT ${list} FROM s`;
    const rows = values.map((value) => Object.fromEntries(columns.map((name, i) => [name, value + i])));
    const batch = batchOf(rows);
    const result = await withTransform(text, (transform) => transform.process(batch));
    expect(result.rows).toEqual(rows.map((r) => Object.fromEntries(chosen.map(({ column, as }) => [as, r[column]]))));
    expect([result.positions, result.end, result.split]).toEqual([batch.positions, batch.end, batch.split]);
  },
);
