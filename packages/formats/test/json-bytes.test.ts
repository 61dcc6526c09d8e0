import { defineSchema } from "@x/connector-api";
import { expect, test } from "vitest";
import { createJsonEncoder } from "../src/json/encode-json.js";
import { JsonBytes } from "../src/json/json-bytes.js";
import { INTEGER_ROOM, putInteger } from "../src/json/put-json.js";

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const written = (write: (out: JsonBytes) => void): string => {
  const out = new JsonBytes();
  write(out);
  return textOf(out.takeRow());
};

test.each([
  ...["", "plain", 'a "quote"', "back\\slash", "line\nbreak", "Straße", "日本", "🛫", "\ud800", "\x7f", "é".repeat(64)],
  ...[63, 64, 65, 5000, 70_000].flatMap((length) => ["x".repeat(length), `${"x".repeat(length - 1)}ß`]),
])("a string is written as JSON.stringify writes it (%#)", (value) => {
  expect(written((out) => out.string(value))).toBe(JSON.stringify(value));
});

test.each([
  ...[0, -0, 1, 9, 10, 99, 100, 999_999_999, 1_000_000_000, -1, -10, 2 ** 31, -(2 ** 31)],
  ...[1_700_000_000_007, 2_000_000_000, -5_000_000_000, 123_000_000_456],
  ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
])("an integer is written with all its digits: %d", (value) => {
  const slab = new Uint8Array(INTEGER_ROOM + 1);
  const end = putInteger(slab, 1, value);
  expect(textOf(slab.subarray(1, end))).toBe(JSON.stringify(value));
});

test("text is written as it is, whatever is in it", () => {
  const parts = ["", "null", '{"ß":', "x".repeat(65), "🛫".repeat(40_000)];
  expect(written((out) => parts.forEach((part) => void out.text(part)))).toBe(parts.join(""));
});

test("rows keep their bytes while others of any size are written behind them", () => {
  const out = new JsonBytes();
  const values = Array.from({ length: 400 }, (_, i) => String(i).repeat(1 + ((i * i * 37) % 9000)));
  const rows = values.map((value) => {
    out.string(value);
    return out.takeRow();
  });
  expect(rows.map(textOf)).toEqual(values.map((value) => JSON.stringify(value)));
});

test("small rows hold no more than a quarter more than their own bytes", () => {
  const out = new JsonBytes();
  const slabs = new Set<ArrayBufferLike>();
  let bytes = 0;
  for (let i = 0; i < 2000; i++) {
    out.string("x".repeat((i * 7919) % 40_000));
    const row = out.takeRow();
    bytes += row.length;
    slabs.add(row.buffer);
  }
  const held = [...slabs].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(held / bytes).toBeLessThan(1.34);
});

test("a refused row leaves nothing in the next one", () => {
  const encoder = createJsonEncoder(
    defineSchema({ id: "INT NOT NULL", tags: "STRUCT<a TEXT, b INT NOT NULL>[] NOT NULL" }),
    { timestampFormat: "rfc3339", decimalEncoding: "number", includeSchema: false },
  );
  const before = encoder.encode({ id: 1, tags: [{ a: "x", b: 1 }] });
  const bad = {
    id: 2,
    tags: [
      { a: "y", b: 1 },
      { a: "z", b: "2" },
    ],
  };
  expect(() => encoder.encode(bad)).toThrow(
    expect.objectContaining({ context: expect.objectContaining({ column: "tags[1].b" }) }),
  );
  expect(textOf(encoder.encode({ id: 3, tags: [] }))).toBe('{"id":3,"tags":[]}');
  expect(textOf(before)).toBe('{"id":1,"tags":[{"a":"x","b":1}]}');
});

const types = ["TEXT", "BIGINT", "INT NOT NULL", "DOUBLE", "BOOLEAN", "SMALLINT", "REAL", "TEXT[]", "JSON"] as const;
const values = [
  ["plain", 'a "quote"', "ß".repeat(30), "x".repeat(200), "", null],
  [0, -1, Number.MAX_SAFE_INTEGER, -5_000_000_001, null],
  [7, -(2 ** 31)],
  [0.1, -1.2345678901234567e-100, 5e-324, 1e21, null],
  [true, false, null],
  [-32_768, null],
  [0.5, null],
  [["a", null], [], null],
  [{ a: [1, "🛫"] }, "text", null],
] as const;

test.each([
  [1, 1],
  [32, 3],
  [33, 8],
  [100, 12],
  [100, 60],
])("a table of %d columns with names of %d letters is written as JSON.stringify writes it", (width, letters) => {
  const names = Array.from({ length: width }, (_, i) => `c${i}${"n".repeat(letters)}ß`);
  const schema = defineSchema(Object.fromEntries(names.map((name, i) => [name, types[i % types.length]])) as never);
  const encoder = createJsonEncoder(schema, {
    ...{ timestampFormat: "rfc3339", decimalEncoding: "number", includeSchema: false },
  });
  for (let turn = 0; turn < 100; turn++) {
    const row = Object.fromEntries(
      names.map((name, i) => {
        const choice = values[i % types.length] ?? [null];
        return [name, choice[(turn + i) % choice.length]];
      }),
    );
    expect(textOf(encoder.encode(row as never))).toBe(JSON.stringify(row));
  }
});
