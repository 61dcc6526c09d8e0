import type { Format } from "@x/connector-api";
import { requireColumns } from "../format-options.js";
import { createDebeziumDecoder, createDebeziumEncoder } from "../json/debezium.js";
import { type JsonDefaults, type JsonOptions, jsonFromOptions, parseJsonOptions } from "../json/json-options.js";
import { openWritingLayers, readingLayers } from "../json/open-layers.js";
import { unwrapping, wrapping } from "../json/payload-layers.js";

const defaults: JsonDefaults = { timestampFormat: "unix_millis", decimalEncoding: "bytes" };

/**
 * Change events of Debezium: `before`, `after` and `op`, bare or in their schema envelope. Inserts and snapshots are
 * rows; updates and deletes need a column `is_retract BOOLEAN`, which tells what is taken back from what is added.
 */
export const debeziumJson = {
  name: "debezium_json",
  text: true,
  fromOptions: (options) => jsonFromOptions(options, defaults, false),
  parse: (value) => parseJsonOptions(value, "debezium_json", defaults),
  checkSchema: (schema) => requireColumns(schema, "debezium_json", "json.unstructured of the format json"),
  async openDecoder(options, { schema }) {
    return unwrapping(readingLayers(options), createDebeziumDecoder(schema, options));
  },
  async openEncoder(options, context) {
    const encoder = createDebeziumEncoder(context.schema, {
      ...options,
      includeSchema: options.includeSchema === true,
    });
    return wrapping(await openWritingLayers(options, context), encoder);
  },
} as const satisfies Format<JsonOptions>;
