import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionSchema, ConnectorOptions, defineSchema, isConnectorError, type Row } from "@x/connector-api";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ProtobufOptions, protobuf, schemaFromProtobuf } from "../src/index.ts";
import { decodeOne } from "./schemas.ts";

const options = (given: object): ProtobufOptions => {
  const bag = ConnectorOptions.fromObject({ proto: given });
  const parsed = protobuf.fromOptions(bag);
  bag.finish();
  return parsed;
};
async function failure(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isConnectorError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("it did not fail");
}
const open = async (given: object, schema: ConnectionSchema) => ({
  decoder: await protobuf.openDecoder(options(given), { schema }),
  encoder: await protobuf.openEncoder(options(given), { schema }),
});

const all = `syntax = "proto3"; package t;
import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
enum Color { NONE = 0; RED = 1; }
message In { int64 id = 1; string sku_name = 2; }
message All {
  bool b = 1; int32 i = 2; sint64 s64 = 3; uint64 u64 = 4; fixed32 f32 = 5; double d = 6; float f = 7; string t = 8;
  bytes raw = 9; Color color = 10; In in = 11; repeated In items = 12; repeated int64 longs = 13; map<string, int64> m = 14;
  google.protobuf.Timestamp at = 15; google.protobuf.StringValue w = 16; google.protobuf.Struct st = 17;
  optional int32 maybe = 18; oneof pick { string left = 19; int32 right = 20; } string uuid_text = 21;
}`;
const schema = defineSchema({
  b: "BOOLEAN",
  i: "INT",
  s64: "BIGINT",
  u64: "BIGINT UNSIGNED",
  f32: "INT UNSIGNED",
  d: "DOUBLE",
  f: "REAL",
  t: "TEXT",
  raw: "BYTEA",
  color: "TEXT",
  in: "STRUCT<id BIGINT, sku_name TEXT>",
  items: "STRUCT<id BIGINT, sku_name TEXT>[]",
  longs: "BIGINT[]",
  m: "JSON",
  at: "TIMESTAMP(9)",
  w: "TEXT",
  st: "JSON",
  maybe: "INT",
  left: "TEXT",
  right: "INT",
});
const full: Row = {
  b: true,
  i: -5,
  s64: -(2n ** 63n),
  u64: 2n ** 64n - 1n,
  f32: 4294967295,
  d: 0.1,
  f: 0.5,
  t: "é😀",
  raw: new Uint8Array([0, 255]),
  color: "RED",
  in: { id: 9007199254740993n, sku_name: "x" },
  items: [
    { id: 1, sku_name: "" },
    { id: -1, sku_name: "y" },
  ],
  longs: [1, 2n ** 62n, -1],
  m: { a: 1, b: 2n ** 60n },
  at: 1700000000123456789n,
  w: "",
  st: { k: [1, null, "x"] },
  maybe: 0,
  left: "l",
  right: null,
};
const given = { schema: all, messageName: "t.All" };

describe("protobuf", () => {
  test("gives back every kind of field", async () => {
    const { decoder, encoder } = await open(given, schema);
    expect(decodeOne(decoder, encoder.encode(full))).toEqual(full);
  });

  test("absent fields: null with presence, the default without", async () => {
    const { decoder } = await open(given, schema);
    expect(decodeOne(decoder, new Uint8Array())).toEqual({
      b: false,
      i: 0,
      s64: 0,
      u64: 0,
      f32: 0,
      d: 0,
      f: 0,
      t: "",
      raw: new Uint8Array(),
      color: "NONE",
      in: null,
      items: [],
      longs: [],
      m: {},
      at: null,
      w: null,
      st: null,
      maybe: null,
      left: null,
      right: null,
    });
  });

  test("64-bit integers keep every digit", async () => {
    const { decoder, encoder } = await open(given, defineSchema({ s64: "BIGINT", u64: "BIGINT UNSIGNED" }));
    const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(long, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (s64, u64) => {
        const row = decodeOne(decoder, encoder.encode({ s64, u64 }));
        expect([BigInt(row.s64 as bigint), BigInt(row.u64 as bigint)]).toEqual([s64, u64]);
      }),
    );
  });

  test("as JSON: proto names, all digits, well-known types in their form", async () => {
    const { encoder } = await open(given, schema);
    const unstructured = { ...given, intoUnstructuredJson: true };
    const decoder = await protobuf.openDecoder(options(unstructured), { schema: defineSchema({ value: "JSON" }) });
    expect(decodeOne(decoder, encoder.encode(full)).value).toMatchObject({
      s64: -(2n ** 63n),
      raw: "AP8=",
      color: "RED",
      in: { id: 9007199254740993n, sku_name: "x" },
      at: "2023-11-14T22:13:20.123456789Z",
      w: "",
      st: { k: [1, null, "x"] },
      m: { a: 1, b: 2n ** 60n },
      left: "l",
    });
  });

  test("length_delimited holds any number of messages", async () => {
    const { decoder, encoder } = await open({ ...given, lengthDelimited: true }, defineSchema({ i: "INT" }));
    const one = encoder.encode({ i: 1 });
    const rows: Row[] = [];
    decoder.decode(Buffer.concat([one, encoder.encode({ i: 2 })]), rows);
    expect(rows).toEqual([{ i: 1 }, { i: 2 }]);
  });

  test("proto2, groups and required; editions", async () => {
    const proto2 = `syntax = "proto2"; message M { required int32 a = 1; optional string s = 2 [default = "d"]; repeated int32 p = 3 [packed = true]; }`;
    const two = await open(
      { schema: proto2, messageName: "M" },
      defineSchema({ a: "INT NOT NULL", s: "TEXT", p: "INT[]" }),
    );
    const row = { a: 7, s: null, p: [1, 2] };
    expect(decodeOne(two.decoder, two.encoder.encode(row))).toEqual(row);
    expect(await failure(() => decodeOne(two.decoder, new Uint8Array()))).toContain("a required field is missing");
    const edition = `edition = "2023"; message M { int32 a = 1; int32 b = 2 [features.field_presence = IMPLICIT]; }`;
    const ed = await open({ schema: edition, messageName: "M" }, defineSchema({ a: "INT", b: "INT" }));
    expect(decodeOne(ed.decoder, new Uint8Array())).toEqual({ a: null, b: 0 });
  });

  test("extensions, groups, unknown symbols of a closed enum, and names that objects inherit", async () => {
    const asJson = async (text: string, payload: readonly number[]) => {
      const unstructured = options({ schema: text, messageName: "t.M", intoUnstructuredJson: true });
      const decoder = await protobuf.openDecoder(unstructured, { schema: defineSchema({ value: "JSON" }) });
      return decodeOne(decoder, Buffer.from(payload)).value;
    };
    const two = 'syntax = "proto2"; package t; ';
    const extended = `${two} message M { optional int32 a = 1; extensions 100 to 200; } extend M { optional string more = 100; }`;
    expect(await asJson(extended, [8, 1, 0xa2, 6, 1, 0x61])).toEqual({ a: 1, "[t.more]": "a" });
    expect((await schemaFromProtobuf(extended, "t.M")).columns.map(({ name }) => name)).toEqual(["a"]);
    const group = `${two} message M { repeated group Item = 1 { optional int32 x = 2; } }`;
    expect(await asJson(group, [11, 16, 7, 12])).toEqual({ item: [{ x: 7 }] });
    const closed = `${two} enum E { A = 0; } message M { optional E e = 1; }`;
    expect(await asJson(closed, [8, 5])).toEqual({});
    const inherited =
      'syntax = "proto3"; package t; message M { int32 toString = 1; int32 valueOf = 2; string toJSON = 3; }';
    expect(await asJson(inherited, [8, 1, 16, 2, 26, 1, 0x61])).toEqual({ toString: 1, valueOf: 2, toJSON: "a" });
  });

  test("times and JSON that Google's types cannot hold are bad data, never another value", async () => {
    const { encoder, decoder } = await open(given, defineSchema({ at: "TIMESTAMP", st: "JSON" }));
    expect(await failure(() => encoder.encode({ at: new Date(253_402_300_800_000), st: null }))).toContain(
      "in the years 1 to 9999",
    );
    expect(await failure(() => encoder.encode({ at: null, st: { big: 2n ** 60n } }))).toContain(
      "which holds numbers as doubles, got an integer beyond 2^53",
    );
    expect(await failure(() => decodeOne(decoder, Buffer.from([0x7a, 11, 16, ...Buffer.alloc(9, 0xff), 1])))).toContain(
      "nanoseconds are no part of a second",
    );
  });

  test("the number of an enum that no number of 32 bits is, and a number that JSON has not, are bad data", async () => {
    const { encoder, decoder } = await open(given, defineSchema({ color: "TEXT", m: "JSON" }));
    expect(decodeOne(decoder, encoder.encode({ color: "-7", m: null }))).toMatchObject({ color: "-7" });
    expect(await failure(() => encoder.encode({ color: "4294967297", m: null }))).toContain(
      "a name of the Protobuf enum, or its number, got string that is none",
    );
    expect(await failure(() => encoder.encode({ color: 1 as never, m: null }))).toContain("expected TEXT");
    expect(await failure(() => encoder.encode({ color: null, m: { a: Number.NaN } }))).toContain(
      "a number that JSON has not",
    );
  });

  test("files import what stands beside them, and nothing else", async () => {
    const folder = mkdtempSync(join(tmpdir(), "proto-"));
    try {
      writeFileSync(join(folder, "a.proto"), 'syntax = "proto3"; import "b.proto"; message A { B b = 1; }');
      writeFileSync(join(folder, "b.proto"), 'syntax = "proto3"; message B { int32 x = 1; }');
      writeFileSync(join(folder, "c.proto"), 'syntax = "proto3"; import "../secret.proto"; message C { int32 x = 1; }');
      const file = (name: string) => ({ schemaFile: join(folder, name), messageName: name[0]?.toUpperCase() });
      const columns = defineSchema({ b: "STRUCT<x INT>" });
      const { decoder, encoder } = await open(file("a.proto"), columns);
      expect(decodeOne(decoder, encoder.encode({ b: { x: 3 } }))).toEqual({ b: { x: 3 } });
      expect(await failure(() => open(file("c.proto"), columns))).toContain("leaves its folder");
      expect(await failure(() => open(file("none.proto"), columns))).toContain("no such file");
      mkdirSync(join(folder, "folder.proto"));
      writeFileSync(join(folder, "d.proto"), 'syntax = "proto3"; import "folder.proto"; message D { int32 x = 1; }');
      expect(await failure(() => open(file("d.proto"), columns))).toContain(
        'the import "folder.proto" cannot be read: EISDIR',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each([
    ["message M {", "SCHEMA_INVALID"],
    ['syntax = "proto3"; message M { int32 __proto__ = 1; }', "it has none"],
    ['syntax = "proto3"; message M { Nothing a = 1; }', "SCHEMA_INVALID"],
    ['syntax = "proto3"; import "/etc/passwd"; message M {}', "is not found"],
    [`syntax = "proto3"; ${"message M { ".repeat(5000)}${"}".repeat(5000)}`, "SCHEMA_INVALID"],
  ])("schema %# is refused", async (text, message) => {
    const run = () => open({ schema: text, messageName: "M" }, defineSchema({ a: "INT" }));
    const got = await failure(run);
    expect(got).toContain("SCHEMA_INVALID");
    expect(got).toContain(message);
    expect({}).not.toHaveProperty("polluted");
  });

  test("names and types that do not fit are told", async () => {
    expect(await failure(() => open({ ...given, messageName: "t.Al" }, schema))).toContain(
      'no message "t.Al"; the schema has t.In, t.All; did you mean "t.All"?',
    );
    expect(await failure(() => open(given, defineSchema({ nope: "INT" })))).toContain(
      'column "nope": message All has no such field',
    );
    expect(await failure(() => open(given, defineSchema({ t: "INT" })))).toBe(
      'SCHEMA_INVALID: column "t": INT cannot hold Protobuf string',
    );
  });

  test("payloads made to harm are bad data", async () => {
    const deep = { schema: 'syntax = "proto3"; message M { M m = 1; }', messageName: "M", intoUnstructuredJson: true };
    const decoder = await protobuf.openDecoder(options(deep), { schema: defineSchema({ value: "JSON" }) });
    let nested = new Uint8Array();
    for (let i = 0; i < 500; i++)
      nested = Buffer.concat([
        Buffer.from([
          0x0a,
          ...(nested.length < 128 ? [nested.length] : [(nested.length & 127) | 128, nested.length >> 7]),
        ]),
        nested,
      ]);
    expect(await failure(() => decodeOne(decoder, nested))).toContain("BAD_DATA");
    expect(await failure(() => decodeOne(decoder, Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07])))).toContain(
      "BAD_DATA",
    );
    const text = await open(given, defineSchema({ t: "TEXT" }));
    expect(await failure(() => decodeOne(text.decoder, Buffer.from([0x42, 1, 0xff])))).toContain("BAD_DATA");
  });
});
