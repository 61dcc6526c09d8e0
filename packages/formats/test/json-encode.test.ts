import { defineSchema, isConnectorError, type Row, type RowValue } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import type { JsonOptions } from "../src/index.ts";
import { openJson } from "./schemas.ts";

async function write(columns: Record<string, string>, row: object, options?: Partial<JsonOptions>): Promise<string> {
  const { encoder } = await openJson(defineSchema(columns), options);
  return new TextDecoder("utf-8", { fatal: true }).decode(encoder.encode(row as Row));
}

async function refusal(columns: Record<string, string>, row: object): Promise<string> {
  try {
    await write(columns, row);
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    expect(error.code).toBe("BAD_DATA");
    return error.message;
  }
  throw new Error("it was written");
}

describe("json writes", () => {
  test("every column in declared order, null as null, nothing else", async () => {
    expect(await write({ b: "INT", a: "TEXT", c: "JSON" }, { a: "x", z: 1, b: undefined })).toBe(
      '{"b":null,"a":"x","c":null}',
    );
  });

  test.each<[type: string, value: RowValue, json: string]>([
    ["BIGINT", 9223372036854775807n, "9223372036854775807"],
    ["BIGINT", 5n, "5"],
    ["BIGINT UNSIGNED", 18446744073709551615n, "18446744073709551615"],
    ["INT", -0, "0"],
    ["DOUBLE", 1e21, "1e+21"],
    ["DECIMAL(20,2)", "123456789012345678.9", "123456789012345678.90"],
    ["DECIMAL(4,4)", "0.1", "0.1000"],
    ["TEXT", 'a"b\\c\n\u2028\u0000', '"a\\"b\\\\c\\n\u2028\\u0000"'],
    ["TEXT", "\ud800😀", '"\\ud800😀"'],
    ["BYTEA", new Uint8Array([255, 0]), '"/wA="'],
    ["TIMESTAMP", new Date(1700000000123), '"2023-11-14T22:13:20.123Z"'],
    ["TIMESTAMP(6)", -1n, '"1969-12-31T23:59:59.999999Z"'],
    ["TIMESTAMP(9)", 1700000000123456789n, '"2023-11-14T22:13:20.123456789Z"'],
    ["JSON", { a: [1n, "x", null, 2.5] }, '{"a":[1,"x",null,2.5]}'],
    ["INT[]", [1, null], "[1,null]"],
    ["STRUCT<a INT, b TEXT>", { b: "x", z: 1 }, '{"a":null,"b":"x"}'],
  ])("%s %s", async (type, value, json) => {
    expect(await write({ c: type }, { c: value })).toBe(`{"c":${json}}`);
  });

  test("timestamps and decimals in the other encodings", async () => {
    const options = { timestampFormat: "unix_millis", decimalEncoding: "string" } as const;
    const row = { t: new Date(-1.5e12), d: "1.5" };
    expect(await write({ t: "TIMESTAMP", d: "DECIMAL(4,2)" }, row, options)).toBe('{"t":-1500000000000,"d":"1.50"}');
    await expect(write({ t: "TIMESTAMP(6)" }, { t: 1n }, options)).rejects.toMatchObject({ code: "SCHEMA_INVALID" });
  });

  test.each<[type: string, value: unknown, message: string]>([
    ["DOUBLE", Number.NaN, "expected DOUBLE, got number that JSON"],
    ["DOUBLE", Number.POSITIVE_INFINITY, "expected DOUBLE"],
    ["DOUBLE", 5n, "expected DOUBLE, got bigint"],
    ["INT", 1.5, 'column "c": expected INT, got number with a fraction'],
    ["INT", 2 ** 31, "out of range"],
    ["INT", "5", "expected INT, got string"],
    ["BIGINT", 2 ** 53, "beyond 2^53 and not a bigint"],
    ["BIGINT", 2n ** 63n, "got bigint out of range"],
    ["TEXT", 5, "expected TEXT, got integer"],
    ["DECIMAL(4,2)", "123.4", "got string that does not fit"],
    ["DECIMAL(4,2)", 1.5, "expected DECIMAL(4, 2) as a string, got number"],
    ["TIMESTAMP", new Date(Number.NaN), "a time that cannot be written"],
    ["TIMESTAMP", new Date(8.64e15), "a time that cannot be written"],
    ["TIMESTAMP", 5, "expected TIMESTAMP as a Date, got integer"],
    ["TIMESTAMP(6)", new Date(), "expected TIMESTAMP(6) as a bigint, got Date"],
    ["DATE", "2023-02-29", "not a date"],
    ["BYTEA", "AA==", "expected BYTEA, got string"],
    ["JSON", { a: Number.NaN }, "expected JSON, got number that JSON cannot hold"],
    ["JSON", { a: new Date() }, "expected JSON, got Date"],
    ["JSON", [undefined], "expected JSON, got undefined"],
    ["INT[]", [1, "secret"], 'column "c[1]": expected INT, got string'],
    ["STRUCT<a INT NOT NULL>", {}, 'column "c.a": expected INT NOT NULL'],
    ["STRUCT<a INT>", [], "got array"],
    ["STRUCT<a INT>", new Date(), "got Date"],
    ["TEXT NOT NULL", null, "expected TEXT NOT NULL, got null"],
  ])("refuses %s %s", async (type, value, message) => {
    const text = await refusal({ c: type }, { c: value });
    expect(text).toContain(message);
    expect(text).not.toContain("secret");
  });

  test("refuses a cycle by its depth", async () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(await refusal({ c: "JSON" }, { c: cycle })).toContain("expected JSON, got nesting deeper than 512 levels");
  });
});
