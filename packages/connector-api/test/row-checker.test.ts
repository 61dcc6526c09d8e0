import { describe, expect, it } from "vitest";
import { compileRowChecker, parseColumn, type RowValue } from "../src/index.js";

function check(type: string, value: unknown): () => void {
  const checkRow = compileRowChecker({ columns: [parseColumn("c", type)] });
  return () => checkRow({ c: value as RowValue });
}

describe("compileRowChecker", () => {
  it.each<[string, ...unknown[]]>([
    ["BOOLEAN", true, null, undefined],
    ["SMALLINT", -32768, 32767],
    ["INT UNSIGNED", 0, 4294967295],
    ["BIGINT", 2 ** 53 - 1, -(2n ** 63n), 2n ** 63n - 1n],
    ["BIGINT UNSIGNED", 2n ** 64n - 1n],
    ["REAL", 0.5, Number.NaN],
    ["DECIMAL(5, 2)", "123.45", "-0", "000123.4500", ".5", "+7."],
    ["TEXT", "", "x"],
    ["UUID", "F47AC10B-58cc-4372-a567-0e02b2c3d479"],
    ["BYTEA", new Uint8Array(2), Buffer.from("x")],
    ["DATE", "2026-01-31"],
    ["TIME", "23:59:59.123456"],
    ["TIMESTAMP", new Date(0)],
    ["TIMESTAMP(6)", 0n],
    ["JSON", { a: [1, null, "x", { b: false }] }, 5],
    ["INT[][] NOT NULL", [[1, null], null, []]],
    ["STRUCT<a INT NOT NULL, b TEXT>", { a: 1, b: null }, { a: 1 }, { a: 1, extra: 2 }],
  ])("%s takes what it should", (type, ...values) => {
    for (const value of values) expect(check(type, value), String(value)).not.toThrow();
  });

  it.each<[string, unknown, string]>([
    ["BOOLEAN NOT NULL", null, 'column "c": expected BOOLEAN NOT NULL, got null'],
    ["TEXT NOT NULL", undefined, 'column "c": expected TEXT NOT NULL, got undefined'],
    ["SMALLINT", 32768, 'column "c": expected SMALLINT, got integer that does not fit'],
    ["INT", 1.5, 'column "c": expected INT, got number'],
    ["INT", 5n, 'column "c": expected INT, got bigint'],
    ["BIGINT", 2 ** 53, 'column "c": expected BIGINT, got integer that does not fit'],
    ["BIGINT", 2n ** 63n, 'column "c": expected BIGINT, got bigint that does not fit'],
    ["BIGINT UNSIGNED", -1, 'column "c": expected BIGINT UNSIGNED, got integer that does not fit'],
    ["BIGINT", "5", 'column "c": expected BIGINT, got string'],
    ["DECIMAL(5, 2)", "1234.5", "got string that does not fit"],
    ["DECIMAL(5, 2)", "1.234", "got string that does not fit"],
    ["DECIMAL(5, 2)", "", "got string that does not fit"],
    ["DECIMAL(5, 2)", 5, "got integer"],
    ["UUID", "s3cret", "expected UUID, got string that does not fit"],
    ["TIMESTAMP", new Date(Number.NaN), "expected TIMESTAMP, got Date that does not fit"],
    ["TIMESTAMP(6)", new Date(0), "expected TIMESTAMP(6), got Date"],
    ["JSON", { a: 5n }, "expected JSON, got object"],
    ["INT[]", [1, "2"], 'column "c[1]": expected INT, got string'],
    [
      "STRUCT<a STRUCT<b INT[] NOT NULL>[]>",
      { a: [null, { b: [1, true] }] },
      'column "c.a[1].b[1]": expected INT, got boolean',
    ],
    ["STRUCT<a INT NOT NULL>", {}, 'column "c.a": expected INT NOT NULL, got undefined'],
    ["STRUCT<a INT>", [1], 'column "c": expected STRUCT<a INT>, got array'],
  ])("%s refuses %s", (type, value, message) => {
    expect(check(type, value)).toThrow(
      expect.objectContaining({ code: "BAD_DATA", message: expect.stringContaining(message) }),
    );
  });

  it.each([
    ["0", 1_000_000, "x"],
    ["1.", 1_000_000, "x"],
  ])("reads a long DECIMAL that begins with %j once", (start, zeros, end) => {
    expect(check("DECIMAL(5, 2)", `${start}${"0".repeat(zeros)}${end}`)).toThrow("string that does not fit");
  });

  it.each(["-000123.4500", "+1", ".5", "5.", "0.00", "-0"])("takes %j as DECIMAL(5, 2)", (text) => {
    expect(check("DECIMAL(5, 2)", text)).not.toThrow();
  });
});
