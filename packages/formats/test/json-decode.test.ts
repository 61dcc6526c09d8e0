import { defineSchema, isConnectorError, type Row } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { decodeOne, openJson } from "./schemas.ts";

async function read(type: string, text: string): Promise<unknown> {
  const { decoder } = await openJson(defineSchema({ c: type }));
  return decodeOne(decoder, text).c;
}

async function refusal(columns: Record<string, string>, payload: string | Uint8Array): Promise<string> {
  const { decoder } = await openJson(defineSchema(columns));
  const rows: Row[] = [];
  try {
    decoder.decode(typeof payload === "string" ? Buffer.from(payload) : payload, rows);
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    expect(error.code).toBe("BAD_DATA");
    return error.message;
  }
  throw new Error(`it was read: ${String(Object.values(rows[0] ?? {}))}`);
}

describe("json reads", () => {
  test.each<[type: string, json: string, value: unknown]>([
    ["BOOLEAN", "true", true],
    ["INT", "5.0", 5],
    ["INT", "1e3", 1000],
    ["INT", "-0", 0],
    ["INT", "-2147483648", -2147483648],
    ["INT UNSIGNED", "4294967295", 4294967295],
    ["SMALLINT", "32767", 32767],
    ["BIGINT", "-0", 0],
    ["BIGINT", "9007199254740991", 9007199254740991],
    ["BIGINT", "9007199254740992", 9007199254740992n],
    ["BIGINT", "9007199254740993", 9007199254740993n],
    ["BIGINT", "9007199254740993.0", 9007199254740993n],
    ["BIGINT", "9.007199254740993e15", 9007199254740993n],
    ["BIGINT", "-9007199254740993", -9007199254740993n],
    ["BIGINT", "9223372036854775807", 9223372036854775807n],
    ["BIGINT", "-9223372036854775808", -9223372036854775808n],
    ["BIGINT UNSIGNED", "18446744073709551615", 18446744073709551615n],
    ["BIGINT[]", "[1, null, 9007199254740993]", [1, null, 9007199254740993n]],
    ["DOUBLE", "5", 5],
    ["DOUBLE", "9007199254740993", 9007199254740992],
    ["REAL", "1.5", 1.5],
    ["DECIMAL(10,2)", "0.07", "0.07"],
    ["DECIMAL(10,2)", "-12.5", "-12.50"],
    ["DECIMAL(10,2)", "0", "0.00"],
    ["DECIMAL(10,2)", "-0.0", "0.00"],
    ["DECIMAL(10,2)", '"12345678.90"', "12345678.90"],
    ["DECIMAL(5,0)", "1e3", "1000"],
    ["DECIMAL(38,18)", "12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"],
    ["DECIMAL(38,30)", "1.000000000000000000000000000001", "1.000000000000000000000000000001"],
    ["DECIMAL(20,0)", "12345678901234567891", "12345678901234567891"],
    ["TEXT", '"\\ud83d\\ude00 😀 \\u0000"', "😀 😀 \u0000"],
    ["TEXT", '"\\ud800"', "\ud800"],
    ["TEXT", '""', ""],
    ["UUID", '"0190b4e4-72f1-7000-8000-0123456789AB"', "0190b4e4-72f1-7000-8000-0123456789AB"],
    ["DATE", '"2024-02-29"', "2024-02-29"],
    ["TIME", '"23:59:59.123456789"', "23:59:59.123456789"],
    ["BYTEA", '"AAEC/w=="', new Uint8Array([0, 1, 2, 255])],
    ["BYTEA", '""', new Uint8Array()],
    ["TIMESTAMP", '"2024-02-29T12:34:56Z"', new Date("2024-02-29T12:34:56Z")],
    ["TIMESTAMP", '"2024-02-29t12:34:56.123456789+02:30"', new Date("2024-02-29T10:04:56.123Z")],
    ["TIMESTAMP", '"1969-12-31T23:59:59.999Z"', new Date(-1)],
    ["TIMESTAMP", '"2016-12-31T23:59:60Z"', new Date("2017-01-01T00:00:00Z")],
    ["TIMESTAMP", "1700000000123", new Date(1700000000123)],
    ["TIMESTAMP(6)", '"1970-01-01T00:00:00.000001Z"', 1n],
    ["TIMESTAMP(6)", "1700000000123", 1700000000123000n],
    ["TIMESTAMP(9)", '"2262-04-11T23:47:16.854775807Z"', 9223372036854775807n],
    ["TIMESTAMP(9)", '"1969-12-31T23:59:59.999999999Z"', -1n],
    [
      "JSON",
      '{"a":[1,9007199254740993,1.5,"9007199254740993"]}',
      { a: [1, 9007199254740993n, 1.5, "9007199254740993"] },
    ],
    ["JSON", '[1e3,6.02e23,"s",{"n":"n1"}]', [1000, 6.02e23, "s", { n: "n1" }]],
    ["STRUCT<a INT, b TEXT>", '{"b":"x","z":1}', { a: null, b: "x" }],
    ["STRUCT<a INT>[]", '[{"a":1},null,{}]', [{ a: 1 }, null, { a: null }]],
  ])("%s from %s", async (type, json, value) => {
    expect(await read(type, `{"c":${json}}`)).toStrictEqual(value);
    expect(await read(type, ` {"extra" : {"c":[9007199254740993]} , "c" : ${json}\n}`)).toStrictEqual(value);
  });

  test("columns in declared order, a missing key as null, no extra field", async () => {
    const { decoder } = await openJson(defineSchema({ b: "INT", a: "TEXT", c: "JSON" }));
    const row = decodeOne(decoder, '{"zzz":1,"a":"x","b":2,"b":3}');
    expect(Object.entries(row)).toEqual([
      ["b", 3],
      ["a", "x"],
      ["c", null],
    ]);
  });

  test("appends to the rows it is given and keeps nothing of the payload", async () => {
    const { decoder } = await openJson(defineSchema({ a: "BYTEA" }));
    const rows: Row[] = [{ a: null }];
    const payload = Buffer.from('{"a":"AQI="}');
    decoder.decode(payload, rows);
    payload.fill(0);
    expect(rows).toEqual([{ a: null }, { a: new Uint8Array([1, 2]) }]);
  });

  test("what every object inherits is no field, and __proto__ is a field like any other", async () => {
    const schema = {
      columns: ["__proto__", "constructor", "toString"].map((name) => ({
        name,
        type: { kind: "json" as const },
        nullable: true,
      })),
    };
    const { decoder } = await openJson(schema);
    expect(Object.values(decodeOne(decoder, "{}"))).toEqual([null, null, null]);
    const row = decodeOne(decoder, '{"__proto__":{"polluted":9007199254740993}}');
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(row).not.toHaveProperty("polluted");
    expect(Object.getOwnPropertyDescriptor(row, "__proto__")?.value).toEqual({ polluted: 9007199254740993n });
  });
});

describe("json refuses", () => {
  test.each<[type: string, json: string, message: string]>([
    ["INT", '"5"', 'column "c": expected INT, got string'],
    ["INT", "1.5", 'column "c": expected INT, got number with a fraction'],
    ["INT", "2147483648", "got number out of range"],
    ["INT", "9007199254740993", "got number out of range"],
    ["INT UNSIGNED", "-1", "got number out of range"],
    ["BIGINT", "9223372036854775808", "got number out of range"],
    ["BIGINT", "9007199254740993.5", "got number with a fraction"],
    ["BIGINT", "1e400", "got number with a fraction, or out of range"],
    ["BIGINT UNSIGNED", "18446744073709551616", "out of range"],
    ["BOOLEAN", "1", "expected BOOLEAN, got integer"],
    ["DOUBLE", "1e400", "expected DOUBLE, got number out of range"],
    ["DOUBLE", '"NaN"', "expected DOUBLE, got string"],
    ["REAL", "1e39", "expected REAL, got number out of range"],
    ["TEXT", "5", "expected TEXT, got integer"],
    ["TEXT", "9007199254740993", "expected TEXT, got"],
    ["DECIMAL(4,2)", "123.4", "expected DECIMAL(4, 2), got number that does not fit"],
    ["DECIMAL(4,2)", "1.234", "that does not fit"],
    ["DECIMAL(4,2)", "1.000000000000000000000001", "that does not fit"],
    ["DECIMAL(4,2)", '"1,5"', "got string that does not fit"],
    ["DECIMAL(4,2)", "true", "got boolean"],
    ["UUID", '"0190b4e4"', "expected UUID, got string that is not a UUID"],
    ["DATE", '"2023-02-29"', "expected DATE, got string that is not a date"],
    ["DATE", '"2024-2-29"', "not a date"],
    ["TIME", '"24:00:00"', "not a time"],
    ["BYTEA", '"AAE"', "expected BYTEA in base64, got string that is no base64"],
    [
      "TIMESTAMP",
      '"2024-02-29T12:34:56"',
      "as RFC 3339 text or milliseconds since the epoch, got string that is not RFC 3339",
    ],
    ["TIMESTAMP", '"2024-02-30T12:34:56Z"', "not RFC 3339"],
    ["TIMESTAMP", '"2024-02-29T12:34:56.Z"', "not RFC 3339"],
    ["TIMESTAMP", "1.5", "got number that is no such time"],
    ["TIMESTAMP", "9e15", "got number that is no such time"],
    ["TIMESTAMP", "{}", "got object"],
    ["JSON", "[1e400]", "got number that JSON cannot hold"],
    ["TEXT[]", '["a",5]', 'column "c[1]": expected TEXT, got integer'],
    ["STRUCT<a STRUCT<b INT>[]>", '{"a":[{},{"b":"secret"}]}', 'column "c.a[1].b": expected INT, got string'],
    ["STRUCT<a INT NOT NULL>", "{}", 'column "c.a": expected INT NOT NULL, got no such field'],
    ["INT[][]", "[[1],[2,[]]]", 'column "c[1][1]": expected INT, got array'],
    ["TEXT NOT NULL", "null", 'column "c": expected TEXT NOT NULL, got null'],
  ])("%s from %s", async (type, json, message) => {
    const text = await refusal({ c: type }, `{"c":${json}}`);
    expect(text).toContain(message);
    expect(text).not.toContain("secret");
  });

  test.each<[payload: string | Uint8Array, message: string]>([
    ["", "the payload is empty"],
    ['{"c":secret}', "the payload of 12 characters is no valid JSON"],
    ['\ufeff{"c":1}', "is no valid JSON"],
    ["[1]", "expected a JSON object, got array"],
    ["null", "expected a JSON object, got null"],
    ["9007199254740993", "expected a JSON object, got integer"],
    [new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), "is not valid UTF-8"],
    [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), "is not valid UTF-8"],
    ["{}", 'column "c": expected JSON NOT NULL, got no such field'],
    [`{"c":${"[".repeat(600)}${"]".repeat(600)}}`, "expected JSON, got nesting deeper than 512 levels"],
    [
      `{"c":${'{"a":'.repeat(100_000)}9007199254740993${"}".repeat(100_000)}}`,
      "expected JSON, got nesting deeper than 512 levels",
    ],
    [
      `{"c":[9007199254740993],"x":${"[".repeat(600)}${"]".repeat(600)}}`,
      "expected JSON, got nesting deeper than 512 levels",
    ],
  ])("%#", async (payload, message) => {
    const text = await refusal({ c: "JSON NOT NULL" }, payload);
    expect(text).toContain(message);
    expect(text).not.toContain("secret");
  });

  test("long hostile numbers quickly", { retry: 2 }, async () => {
    const digits = "9".repeat(500_000);
    const started = performance.now();
    await refusal({ c: "BIGINT", d: "BIGINT" }, `{"c":9007199254740993,"d":${digits}}`);
    await refusal({ c: "DECIMAL(38,0)" }, `{"c":1${"0".repeat(500_000)}1}`);
    await refusal({ c: "JSON", d: "BIGINT" }, `{"c":[${digits}],"d":9007199254740993}`);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
