import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type Column,
  type ConnectionSchema,
  ConnectorOptions,
  defineSchema,
  printSqlType,
  type Row,
  type SqlType,
} from "@x/connector-api";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ProtobufOptions, protobuf, protobufSchemaOf, schemaFromProtobuf } from "../src/index.ts";
import { protoCase, toProtoJson } from "./proto-reference.ts";
import { anySchema, decodeOne, isWellFormed, rowOf } from "./schemas.ts";

/** The same cases in every run of the default suite; the nightly lane takes many more, and others each time. */
const { PROPERTY_RUNS } = process.env;
const runs = PROPERTY_RUNS === undefined ? { numRuns: 100, seed: 20260101 } : { numRuns: Number(PROPERTY_RUNS) };
const options = (given: object): ProtobufOptions => protobuf.fromOptions(ConnectorOptions.fromObject({ proto: given }));
const value = defineSchema({ value: "JSON" });

/** ProtoJSON has 64-bit integers as texts, ours has them as numbers: both as texts. */
const digits = (json: unknown): unknown =>
  JSON.parse(
    JSON.stringify(json, (_key, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)),
    (_key, inner: unknown) => (typeof inner === "number" && Number.isInteger(inner) ? String(inner) : inner),
  );

describe("random Protobuf schemas, messages by @bufbuild/protobuf", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "proto-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("read as the JSON that they are, by text and by descriptor", async () => {
    await fc.assert(
      fc.asyncProperty(protoCase, async ({ text, descriptors, bytes, json }) => {
        const schemaFile = join(folder, "set.binpb");
        writeFileSync(schemaFile, descriptors);
        for (const source of [{ schema: text }, { schemaFile }]) {
          const given = options({ ...source, messageName: "t.Row", intoUnstructuredJson: true });
          const read = decodeOne(await protobuf.openDecoder(given, { schema: value }), bytes).value;
          assert.deepStrictEqual(digits(read), digits(json), text);
        }
      }),
      runs,
    );
  });

  test("read into the columns they have, and written back as the same message", async () => {
    await fc.assert(
      fc.asyncProperty(protoCase, async ({ text, type, bytes, json }) => {
        const columns = await schemaFromProtobuf(text, "t.Row").catch((error: Error) => error);
        if (columns instanceof Error) {
          expect(columns.message).toContain("expected fields, got none");
          return;
        }
        const given = options({ schema: text, messageName: "t.Row" });
        const row = decodeOne(await protobuf.openDecoder(given, { schema: columns }), bytes);
        const written = (await protobuf.openEncoder(given, { schema: columns })).encode(row);
        assert.deepStrictEqual(digits(toProtoJson(type, fromBinary(type, written))), digits(json), text);
      }),
      runs,
    );
  });
});

/** Names that Protobuf takes, and no list of lists. */
function renamed(schema: ConnectionSchema): ConnectionSchema {
  const typeOf = (type: SqlType): SqlType => {
    if (type.kind === "struct") return { ...type, fields: columnsOf(type.fields) };
    if (type.kind !== "array") return type;
    const element = typeOf(type.element);
    return element.kind === "array" ? element : { kind: "array", element };
  };
  const columnsOf = (columns: readonly Column[]): Column[] =>
    columns.map((column, i) => ({ ...column, name: `c${i}`, type: typeOf(column.type) }));
  return { columns: columnsOf(schema.columns) };
}

/** What a column is when it has been a field: no absent lists, messages that may be absent, texts. */
function asFields(columns: readonly Column[]): Column[] {
  const typeOf = (type: SqlType): SqlType => {
    switch (type.kind) {
      case "struct":
        return { ...type, fields: asFields(type.fields) };
      case "array":
        return { ...type, element: typeOf(type.element) };
      case "timestamp":
        return { ...type, precision: 9 };
      case "integer":
        return { ...type, bits: type.bits === 64 ? 64 : 32 };
      case "decimal":
      case "uuid":
      case "date":
      case "time":
        return { kind: "text" };
      default:
        return type;
    }
  };
  return columns.map(({ name, type, nullable }) => {
    const isMessage = ["struct", "timestamp", "json"].includes(type.kind);
    return { name, type: typeOf(type), nullable: isMessage || (nullable && type.kind !== "array") };
  });
}

/** A value that Protobuf can hold: no absent list, no null in a list, no integer that a JSON value would round. */
function held(type: SqlType, given: unknown): unknown {
  switch (type.kind) {
    case "array":
      return ((given ?? []) as unknown[])
        .filter((one) => one !== null || type.element.kind === "json")
        .map((one) => (one === null ? null : held(type.element, one)));
    case "struct":
      return given === null ? null : heldRow(type.fields, given as Row);
    case "json":
      return JSON.parse(JSON.stringify(given, (_key, one: unknown) => (typeof one === "bigint" ? 1 : one)));
    case "timestamp": {
      const per = type.precision <= 3 ? 1n : type.precision <= 6 ? 1000n : 1_000_000n;
      const first = -62_135_596_800_000n * per;
      if (given instanceof Date) return given.getTime() < Number(first) ? new Date(0) : given;
      return typeof given === "bigint" && given < first ? 0n : given;
    }
    default:
      return given;
  }
}

function heldRow(columns: readonly Column[], row: Row): Row {
  return Object.fromEntries(columns.map(({ name, type }) => [name, held(type, row[name]) as Row[string]]));
}

const wellFormed = (given: unknown): boolean => {
  if (typeof given === "string") return isWellFormed(given);
  if (given instanceof Date || given instanceof Uint8Array || typeof given !== "object" || given === null) return true;
  return Object.entries(given).every(([key, inner]) => wellFormed(key) && wellFormed(inner));
};

const schemaAndRow = anySchema
  .map(renamed)
  .chain((schema) => fc.tuple(fc.constant(schema), rowOf(schema).filter(wellFormed)));

describe("schemas from and to Protobuf", () => {
  test("any schema without lists of lists becomes a message that holds its rows, and comes back", async () => {
    await fc.assert(
      fc.asyncProperty(schemaAndRow, async ([schema, given]) => {
        const text = protobufSchemaOf(schema, "shop.Order");
        assert.deepStrictEqual((await schemaFromProtobuf(text, "shop.Order")).columns, asFields(schema.columns));
        const parsed = options({ schema: text, messageName: "shop.Order" });
        const row = heldRow(schema.columns, given);
        const encoder = await protobuf.openEncoder(parsed, { schema });
        const decoder = await protobuf.openDecoder(parsed, { schema });
        assert.deepStrictEqual(decodeOne(decoder, encoder.encode(row)), row, text);
      }),
      runs,
    );
  });

  test("the text is what a person would write", () => {
    const schema = defineSchema({
      id: "BIGINT NOT NULL",
      note: "TEXT",
      at: "TIMESTAMP",
      tags: "TEXT[]",
      line_items: "STRUCT<sku TEXT NOT NULL, price DECIMAL(9, 2)>[]",
      extra: "JSON",
      subject: "TEXT METADATA FROM 'subject'",
    });
    expect(protobufSchemaOf(schema, "shop.Order")).toBe(`syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
message Order {
  int64 id = 1;
  optional string note = 2;
  .google.protobuf.Timestamp at = 3;
  repeated string tags = 4;
  message LineItems {
    string sku = 1;
    optional string price = 2;
  }
  repeated LineItems line_items = 5;
  .google.protobuf.Value extra = 6;
}
`);
  });

  test("every type has its column", async () => {
    const text = `syntax = "proto2"; import "other.proto";
import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
import "google/protobuf/duration.proto"; import "google/protobuf/any.proto"; import "google/protobuf/empty.proto";
message None {} message Tree { optional int32 v = 1; repeated Tree all = 2; }
message M {
  required int32 must = 1; optional uint32 u = 2; repeated sint64 longs = 3; optional fixed64 big = 4; optional float f = 5;
  optional bytes raw = 6; optional E e = 7; map<string, int32> m = 8; optional Other other = 9; oneof pick { bool b = 10; }
  optional google.protobuf.Timestamp at = 11; optional google.protobuf.Int64Value wrapped = 12;
  optional google.protobuf.Struct st = 13; optional google.protobuf.Duration took = 14; optional google.protobuf.Any any = 15;
  optional google.protobuf.Empty empty = 16; optional None none = 17; optional Tree tree = 18;
}
enum E { A = 0; }`;
    const imports = { "other.proto": 'syntax = "proto3"; message Other { string x = 1; }' };
    const { columns } = await schemaFromProtobuf(text, "M", imports);
    const printed = columns.map(
      ({ name, type, nullable }) => `${name} ${printSqlType(type)}${nullable ? "" : " NOT NULL"}`,
    );
    expect(printed).toEqual([
      "must INT NOT NULL",
      "u INT UNSIGNED",
      "longs BIGINT[] NOT NULL",
      "big BIGINT UNSIGNED",
      "f REAL",
      "raw BYTEA",
      "e TEXT",
      "m JSON NOT NULL",
      "other STRUCT<x TEXT NOT NULL>",
      "b BOOLEAN",
      "at TIMESTAMP(9)",
      "wrapped BIGINT",
      "st JSON",
      "took TEXT",
      "any JSON",
      "empty JSON",
      "none JSON",
      "tree STRUCT<v INT, all JSON[] NOT NULL>",
    ]);
  });

  test("what has no message, or no column, is refused by its name", async () => {
    const refused = (columns: Record<string, string>, name?: string) => () =>
      protobufSchemaOf(defineSchema(columns), name);
    expect(refused({ a: "INT[][]" })).toThrow('column "a": Protobuf has no list of lists');
    expect(refused({ "a b": "INT" })).toThrow('column "a b": Protobuf names are letters');
    expect(refused({ a: "INT" }, "x.1")).toThrow('the message name "x.1": Protobuf names');
    await expect(schemaFromProtobuf("message M {", "M")).rejects.toThrow("the Protobuf schema is no Protobuf schema");
    await expect(schemaFromProtobuf('syntax = "proto3"; message Row {}', "row")).rejects.toThrow('did you mean "Row"?');
    await expect(schemaFromProtobuf('syntax = "proto3"; message Row {}', "Row")).rejects.toThrow(
      "expected fields, got none",
    );
    const laughs = Array.from(
      { length: 20 },
      (_, i) => `message L${i} { ${[1, 2, 3].map((n) => `L${i + 1} x${n} = ${n};`).join(" ")} }`,
    );
    const text = `syntax = "proto3"; ${laughs.join(" ")} message L20 { int32 a = 1; }`;
    await expect(schemaFromProtobuf(text, "L0")).rejects.toThrow("unfolds to more than 10000 fields");
  });
});
