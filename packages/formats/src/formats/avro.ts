import { ConnectorError, type Format } from "@x/connector-api";
import type { AvroOptions } from "../avro/avro-options.js";
import { compactFields, requireColumns, StoredFormat } from "../format-options.js";
import { parseRegistry, registryFromOptions } from "../schema/registry-options.js";
import { valueColumn } from "../value-column.js";

const texts = ["schema", "schema_file", "reader_schema", "reader_schema_file"] as const;
const flags = ["raw_datums", "single_object", "into_unstructured_json"] as const;

/**
 * Avro records, their fields matched to columns by name: object container files, bare records (`raw_datums`), the
 * Confluent wire format (`confluent_schema_registry`) or single-object encoding.
 */
export const avro = {
  name: "avro",
  text: false,
  fromOptions(options) {
    options.declare([...texts, ...flags, "confluent_schema_registry"].map((name) => `avro.${name}`));
    options.exclusive(["avro.schema", "avro.schema_file"]);
    options.exclusive(["avro.reader_schema", "avro.reader_schema_file"]);
    options.exclusive(["avro.raw_datums", "avro.single_object"]);
    return check(
      compactFields({
        schema: options.pullOptionalString("avro.schema"),
        schemaFile: options.pullOptionalString("avro.schema_file"),
        readerSchema: options.pullOptionalString("avro.reader_schema"),
        readerSchemaFile: options.pullOptionalString("avro.reader_schema_file"),
        rawDatums: options.pullBool("avro.raw_datums") ?? false,
        singleObject: options.pullBool("avro.single_object") ?? false,
        intoUnstructuredJson: options.pullBool("avro.into_unstructured_json") ?? false,
        schemaRegistry: registryFromOptions(options, "avro.confluent_schema_registry"),
      }) as AvroOptions,
    );
  },
  /** Reads Arroyo's stored names as well. */
  parse(value) {
    const stored = new StoredFormat(value, 'the format "avro"');
    const registry = stored.field("schema_registry");
    stored.refuseRegistryWithout(registry);
    const parsed = compactFields({
      schema: stored.text("schema"),
      schemaFile: stored.text("schema_file"),
      readerSchema: stored.text("reader_schema"),
      readerSchemaFile: stored.text("reader_schema_file"),
      rawDatums: stored.flag("raw_datums"),
      singleObject: stored.flag("single_object"),
      intoUnstructuredJson: stored.flag("into_unstructured_json"),
      schemaRegistry: registry === undefined ? undefined : parseRegistry(registry),
    }) as AvroOptions;
    stored.finish();
    return check(parsed);
  },
  checkSchema(schema, options) {
    if (options.intoUnstructuredJson)
      valueColumn(schema, "avro.into_unstructured_json", { text: "TEXT", json: "JSON" });
    else requireColumns(schema, "avro", "avro.into_unstructured_json");
  },
  // Loaded by who uses it: a program of another format starts without it.
  openDecoder: async (options, context) => (await import("../avro/open-decoder.js")).openAvroDecoder(options, context),
  openEncoder: async (options, context) => (await import("../avro/open-encoder.js")).openAvroEncoder(options, context),
} as const satisfies Format<AvroOptions>;

function check(options: AvroOptions): AvroOptions {
  if (options.singleObject && options.schemaRegistry !== undefined) {
    throw new ConnectorError(
      "OPTION_CONFLICT",
      'options "avro.single_object" and "avro.confluent_schema_registry" exclude each other: both put the schema\'s name before the record',
    );
  }
  return options;
}
