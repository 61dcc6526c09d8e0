import { defineSchema, type Format, type Row } from "@x/connector-api";
import type { FormatFixture } from "@x/connector-api/testing";
import { avro, debeziumJson, json, protobuf, rawBytes, rawString } from "../src/index.ts";

/** The corpus: what is easily got wrong, in the columns that every typed format has. */
const columns = defineSchema({
  id: "BIGINT NOT NULL",
  small: "INT",
  ratio: "DOUBLE",
  flag: "BOOLEAN",
  note: "TEXT",
  raw: "BYTEA",
  at: "TIMESTAMP(6)",
  price: "DECIMAL(12, 2)",
  tags: "TEXT[]",
  item: "STRUCT<sku TEXT, count BIGINT>",
});
const empty: Row = {
  id: 0,
  small: null,
  ratio: null,
  flag: null,
  note: null,
  raw: null,
  at: null,
  price: null,
  tags: null,
  item: null,
};
const texts = ["", "é😀\u{1f9d1}\u200d", 'a\u0000b\r\n\t"\\', "\ufeffbom", "\ufffd", "x".repeat(1500)];
const integers = [2n ** 53n - 1n, -(2n ** 53n) + 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n), 1n, -1n];
const rows: readonly Row[] = [
  empty,
  ...integers.map((id) => ({ ...empty, id: Number.isSafeInteger(Number(id)) ? Number(id) : id })),
  ...texts.map((note) => ({ ...empty, note, tags: [note, ""], item: { sku: note, count: null } })),
  ...[0, -0.5, 5e-324, 1.7976931348623157e308, 0.1].map((ratio) => ({ ...empty, ratio })),
  {
    id: 7,
    small: -2147483648,
    ratio: 0.1,
    flag: true,
    note: "n",
    raw: new Uint8Array([0, 255, 128]),
    at: 1_700_000_000_123_456n,
    price: "-1234567890.10",
    tags: ["a"],
    item: { sku: null, count: 2n ** 60n },
  },
];

export const protoText = `syntax = "proto3"; package t; import "google/protobuf/timestamp.proto";
message Item { optional string sku = 1; optional int64 count = 2; }
message Row { int64 id = 1; optional int32 small = 2; optional double ratio = 3; optional bool flag = 4; optional string note = 5;
optional bytes raw = 6; google.protobuf.Timestamp at = 7; optional string price = 8; repeated string tags = 9; Item item = 10; }`;

const both = { decodes: true, encodes: true };
/** Protobuf knows no absent list. */
const listed = rows.map((row) => ({ ...row, tags: row.tags ?? [] }));
/** DEBEZIUM: milliseconds, and nothing finer. */
const millis = defineSchema({
  id: "BIGINT NOT NULL",
  note: "TEXT",
  at: "TIMESTAMP",
  price: "DECIMAL(12, 2)",
  is_retract: "BOOLEAN",
});

export const fixtures: Readonly<Record<string, FormatFixture<never>>> = {
  json: fixture(json, { ...both, schema: columns, rows: withSurrogate(rows) }),
  "json, gzip": fixture(json, {
    ...both,
    schema: columns,
    rows,
    options: { json: { compression: "gzip", maxInflatedSize: "8MiB" } },
  }),
  "json, include_schema": fixture(json, { ...both, schema: columns, rows, options: { json: { includeSchema: true } } }),
  "json, unstructured": fixture(json, {
    ...both,
    schema: defineSchema({ value: "JSON" }),
    options: { json: { unstructured: true } },
    rows: [{ value: null }, { value: { a: [1, 2n ** 60n, "x", null, { b: 0.5 }] } }, { value: "" }],
  }),
  debezium_json: fixture(debeziumJson, {
    ...both,
    schema: millis,
    rows: [
      { id: 1, note: "a", at: new Date(5), price: "-0.05", is_retract: false },
      { id: 2n ** 60n, note: null, at: null, price: null, is_retract: true },
    ],
  }),
  "avro, raw datums": fixture(avro, {
    ...both,
    schema: columns,
    rows: withNaN(rows),
    options: { avro: { rawDatums: true } },
  }),
  "avro, container": fixture(avro, { ...both, schema: columns, rows: withNaN(rows) }),
  "avro, single object": fixture(avro, { ...both, schema: columns, rows, options: { avro: { singleObject: true } } }),
  protobuf: fixture(protobuf, {
    ...both,
    schema: columns,
    rows: withNaN(listed),
    options: { proto: { schema: protoText, messageName: "t.Row" } },
  }),
  "protobuf, length delimited": fixture(protobuf, {
    ...both,
    schema: columns,
    rows: listed,
    options: { proto: { schema: protoText, messageName: "t.Row", lengthDelimited: true } },
  }),
  raw_string: fixture(rawString, {
    ...both,
    schema: defineSchema({ value: "TEXT" }),
    rows: texts.map((value) => ({ value })),
  }),
  raw_bytes: fixture(rawBytes, {
    ...both,
    schema: defineSchema({ value: "BYTEA" }),
    rows: [{ value: new Uint8Array([0, 255]) }],
  }),
};

function fixture(format: object, given: Omit<FormatFixture<never>, "format">): FormatFixture<never> {
  return { ...given, format: format as Format<never> };
}

/** JSON carries lone surrogates as escapes; the binary formats refuse them. */
function withSurrogate(given: readonly Row[]): readonly Row[] {
  return [...given, { ...empty, note: "\ud800" }];
}

function withNaN(given: readonly Row[]): readonly Row[] {
  const last = given.at(-1) as Row;
  return [...given, { ...last, ratio: Number.NaN }, { ...last, ratio: Number.NEGATIVE_INFINITY }];
}
