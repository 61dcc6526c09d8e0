import { defineSchema } from "@x/connector-api";
import { expect, test } from "vitest";
import { createJsonEncoder } from "../src/json/encode-json.js";
import { JsonBytes } from "../src/json/json-bytes.js";

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
  ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
])("an integer is written with all its digits: %d", (value) => {
  expect(written((out) => out.integer(value))).toBe(JSON.stringify(value));
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
