import { type ConnectionSchema, ConnectorError, type Format } from "@x/connector-api";
import { requireColumns } from "../format-options.js";
import { createAnyRowDecoder, createAnyRowEncoder } from "../json/any-row.js";
import { createJsonDecoder } from "../json/decode-json.js";
import { createJsonEncoder } from "../json/encode-json.js";
import { type JsonDefaults, type JsonOptions, jsonFromOptions, parseJsonOptions } from "../json/json-options.js";
import { openWritingLayers, readingLayers } from "../json/open-layers.js";
import { unwrapping, wrapping } from "../json/payload-layers.js";
import { checkUnstructuredSchema, createUnstructuredDecoder, createUnstructuredEncoder } from "../json/unstructured.js";

const defaults: JsonDefaults = { timestampFormat: "rfc3339", decimalEncoding: "number" };

/** One JSON object per payload, its fields matched to columns by name; or any document as one column (`unstructured`). */
export const json = {
  name: "json",
  text: true,
  anyRows: true,
  fromOptions: (options) => jsonFromOptions(options, defaults, true),
  parse: (value) => parseJsonOptions(value, "json", defaults),
  checkSchema: checkColumns,
  async openDecoder(options, { schema }) {
    const includeSchema = options.includeSchema === true;
    if (schema.columns.length === 0 && !options.unstructured) {
      return unwrapping(readingLayers(options), createAnyRowDecoder(includeSchema));
    }
    checkColumns(schema, options);
    const decoder = options.unstructured
      ? createUnstructuredDecoder(schema, includeSchema)
      : createJsonDecoder(schema, { ...options, includeSchema });
    return unwrapping(readingLayers(options), decoder);
  },
  async openEncoder(options, context) {
    const { schema } = context;
    const describesRows = options.unstructured || options.includeSchema || options.schemaRegistry !== undefined;
    if (schema.columns.length === 0 && !describesRows) {
      return wrapping(await openWritingLayers(options, context), createAnyRowEncoder(options));
    }
    checkColumns(schema, options);
    const includeSchema = options.includeSchema === true;
    if (options.unstructured && includeSchema) {
      throw new ConnectorError(
        "OPTION_CONFLICT",
        "json.unstructured and json.include_schema exclude each other for a sink: a document of any shape has no schema",
      );
    }
    const encoder = options.unstructured
      ? createUnstructuredEncoder(schema)
      : createJsonEncoder(schema, { ...options, includeSchema });
    return wrapping(await openWritingLayers(options, context), encoder);
  },
} as const satisfies Format<JsonOptions>;

function checkColumns(schema: ConnectionSchema, options: JsonOptions): void {
  if (options.unstructured) checkUnstructuredSchema(schema);
  else requireColumns(schema, "json", "json.unstructured");
}
