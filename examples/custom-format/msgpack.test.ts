import { defineSchema } from "@x/connector-api";
import { describeFormat } from "@x/connector-api/testing";
import { msgpack } from "./msgpack.mjs";

// The laws of a format: rows come back equal, bytes belong to the caller, damaged bytes are BAD_DATA and nothing else.
describeFormat("msgpack", {
  format: msgpack,
  decodes: true,
  encodes: true,
  schema: defineSchema({
    id: "BIGINT NOT NULL",
    name: "TEXT",
    price: "DECIMAL(10, 2)",
    ratio: "DOUBLE",
    at: "TIMESTAMP",
    photo: "BYTEA",
    tags: "TEXT[]",
    place: "STRUCT<lat DOUBLE, lon DOUBLE>",
    extra: "JSON",
    subject: "TEXT METADATA FROM 'subject'",
  }),
  options: { msgpack: { sortKeys: true } },
  rows: [
    { id: 1, name: null, price: null, ratio: null, at: null, photo: null, tags: null, place: null, extra: null },
    {
      id: 9007199254740993n,
      name: "ümläut 😀",
      price: "12.50",
      ratio: 0.1,
      at: new Date("1969-07-20T20:17:40.123Z"),
      photo: Uint8Array.of(0, 10, 255),
      tags: ["a", null, ""],
      place: { lat: 52.5, lon: -13.4 },
      extra: { deep: [1, { x: null }] },
    },
  ],
});
