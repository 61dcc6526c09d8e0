import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { isConnectorError, type OperatorConfig, parseOperatorConfig } from "../src/index.js";

const config: OperatorConfig = {
  connection: { servers: "{{ NATS_URL }}" },
  table: { stream_name: "left_alone" },
  format: { type: "json", unstructured: true },
  badData: { behavior: "drop" },
  framing: { method: "newline", maxLineLength: 100 },
  rateLimit: { messagesPerSecond: 50 },
  metadataFields: [{ fieldName: "subject", key: "subject" }],
};

describe("parseOperatorConfig", () => {
  it("reads back what is stored, as an object and as text", () => {
    expect(parseOperatorConfig(config)).toEqual(config);
    expect(parseOperatorConfig(JSON.stringify(config))).toEqual(config);
    expect(parseOperatorConfig({ connection: {}, table: {} })).toEqual({
      connection: {},
      table: {},
      metadataFields: [],
    });
  });

  it("reads Arroyo's stored form", () => {
    const stored = {
      connection: { servers: "{{ NATS_URL }}" },
      table: { stream_name: "left_alone" },
      format: { type: "json", confluent_schema_registry: false, schemaId: null, debezium: false, unstructured: true },
      bad_data: { behavior: "drop" },
      framing: { method: "newline", max_line_length: 100 },
      rate_limit: { messages_per_second: 50 },
      metadata_fields: [{ field_name: "subject", key: "subject", data_type: "Utf8" }],
    };
    const format = { type: "json", confluentSchemaRegistry: false, unstructured: true };
    expect(parseOperatorConfig(stored)).toEqual({ ...config, format });
  });

  it("knows Arroyo's debezium flag as a format", () => {
    const format = { type: "json", debezium: true, include_schema: true };
    expect(parseOperatorConfig({ connection: {}, table: {}, format }).format).toEqual({
      type: "debezium_json",
      includeSchema: true,
    });
  });

  it.each([
    [5, "config: expected an object, got integer"],
    ['{"connection"', "config: expected JSON, got a text that is not"],
    [{ table: {} }, "connection: expected an object, got undefined"],
    [{ connection: {}, table: {}, formt: {} }, 'config: unknown member "formt"; expected "format"'],
    [
      { connection: {}, table: {}, badData: {}, bad_data: {} },
      'badData: given twice, also as "bad_data"; give one of them',
    ],
    [{ connection: {}, table: {}, format: {} }, "format.type: expected a text that is not empty, got undefined"],
    [
      { connection: {}, table: {}, rateLimit: { messagesPerSecond: -1 } },
      "rateLimit.messagesPerSecond: expected an integer above 0",
    ],
    [{ connection: {}, table: {}, metadataFields: [{ key: "a" }] }, "metadataFields[0].fieldName: expected a text"],
    [
      JSON.parse('{"connection":{},"table":{},"__proto__":{"badData":{"behavior":"drop"}}}'),
      'config: unknown member "__proto__"',
    ],
    [{ connection: {}, table: {}, metadataFields: {} }, "metadataFields: expected an array, got object"],
  ])("refuses %j", (stored, message) => {
    expect(() => parseOperatorConfig(stored)).toThrow(message);
  });

  test.prop([
    fc.oneof(fc.anything(), fc.record({ connection: fc.object(), table: fc.object(), format: fc.anything() })),
  ])("refuses anything else with a coded error", (value) => {
    try {
      parseOperatorConfig(value);
    } catch (error) {
      if (!isConnectorError(error)) throw error;
    }
  });
});
