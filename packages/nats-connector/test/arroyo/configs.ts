import type { ArroyoDocument } from "./document.js";

const config = (more: object): object => ({
  ...{
    connection: { servers: "a", authentication: {} },
    table: { connectorType: { sourceType: { stream: "S" } } },
    format: { type: "json" },
  },
  ...more,
});
const json = {
  ...{ type: "json", confluent_schema_registry: false, schema_id: null, include_schema: false, debezium: false },
  ...{ unstructured: false, timestamp_format: "rfc3339" },
};

/** OperatorConfig in snake_case. */
export const configs: readonly ArroyoDocument[] = [
  {
    pins: "a whole configuration with nulls",
    kind: "config",
    stored: config({ format: json, bad_data: null, framing: null, rate_limit: null, metadata_fields: [] }),
    loaded: { metadataFields: [] },
  },
  {
    pins: "bad_data by behavior",
    kind: "config",
    stored: config({ bad_data: { behavior: "drop" } }),
    loaded: { badData: { behavior: "drop" } },
  },
  {
    pins: "framing by method",
    kind: "config",
    stored: config({ framing: { method: "newline", max_line_length: 100 } }),
    loaded: { framing: { method: "newline", maxLineLength: 100 } },
  },
  {
    pins: "a rate limit",
    kind: "config",
    stored: config({ rate_limit: { messages_per_second: 10 } }),
    loaded: { rateLimit: { messagesPerSecond: 10 } },
  },
  {
    pins: "metadata fields",
    kind: "config",
    stored: config({ metadata_fields: [{ field_name: "note", key: "subject", data_type: "Utf8" }] }),
    loaded: { metadataFields: [{ fieldName: "note", key: "subject" }] },
  },
  {
    pins: "a configuration as text",
    kind: "config",
    stored: JSON.stringify(config({})),
    loaded: { format: { type: "json" } },
  },
  {
    pins: "an unknown metadata key",
    kind: "config",
    stored: config({ metadata_fields: [{ field_name: "note", key: "offset" }] }),
    refused: ["SCHEMA_INVALID", "offset"],
  },
  {
    pins: "an unknown behavior",
    kind: "config",
    stored: config({ bad_data: { behavior: "ignore" } }),
    refused: ["OPTION_INVALID", "badData.behavior"],
  },
  {
    pins: "an unknown framing",
    kind: "config",
    stored: config({ framing: { method: "length" } }),
    refused: ["OPTION_INVALID", "framing.method"],
  },
  {
    pins: "an unknown format",
    kind: "config",
    stored: config({ format: { type: "parquet" } }),
    refused: ["OPTION_INVALID", "format"],
  },
  { pins: "no format", kind: "config", stored: config({ format: null }), refused: ["OPTION_MISSING", "format"] },
  {
    pins: "an unknown member",
    kind: "config",
    stored: config({ bad_dat: {} }),
    refused: ["OPTION_INVALID", "badDat"],
  },
];
