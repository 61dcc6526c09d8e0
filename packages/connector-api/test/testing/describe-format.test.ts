import { describeFormat } from "@x/connector-api/testing";
import { defineSchema } from "../../src/index.js";
import { hexFormat } from "./hex-format.js";

describeFormat("hex", {
  format: hexFormat,
  decodes: true,
  encodes: true,
  schema: defineSchema({ value: "BYTEA NOT NULL", subject: "TEXT METADATA FROM 'subject'" }),
  rows: [{ value: new Uint8Array() }, { value: Uint8Array.of(0, 1, 255) }],
});
