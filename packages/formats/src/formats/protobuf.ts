import type { Format } from "@x/connector-api";
import { compactFields, requireColumns, StoredFormat } from "../format-options.js";
import type { ProtobufOptions } from "../protobuf/protobuf-options.js";
import { parseRegistry, registryFromOptions } from "../schema/registry-options.js";
import { valueColumn } from "../value-column.js";

/** Protobuf messages (proto2, proto3, editions), their fields matched to columns by proto name. Reads and writes. */
export const protobuf = {
  name: "protobuf",
  text: false,
  fromOptions(options) {
    options.declare([
      "proto.schema",
      "proto.schema_file",
      "proto.message_name",
      "proto.length_delimited",
      "proto.into_unstructured_json",
      "proto.confluent_schema_registry",
    ]);
    options.exclusive(["proto.schema", "proto.schema_file"]);
    const schemaRegistry = registryFromOptions(options, "proto.confluent_schema_registry");
    return compactFields({
      schema: options.pullOptionalString("proto.schema"),
      schemaFile: options.pullOptionalString("proto.schema_file"),
      messageName:
        schemaRegistry === undefined
          ? options.pullString("proto.message_name")
          : options.pullOptionalString("proto.message_name"),
      lengthDelimited: options.pullBool("proto.length_delimited") ?? false,
      intoUnstructuredJson: options.pullBool("proto.into_unstructured_json") ?? false,
      schemaRegistry,
    }) as ProtobufOptions;
  },
  parse(value) {
    const stored = new StoredFormat(value, 'the format "protobuf"');
    const registry = stored.field("schema_registry");
    stored.refuseRegistryWithout(registry);
    const parsed = compactFields({
      schema: stored.text("schema"),
      schemaFile: stored.text("schema_file"),
      messageName: stored.text("message_name"),
      lengthDelimited: stored.flag("length_delimited"),
      intoUnstructuredJson: stored.flag("into_unstructured_json"),
      schemaRegistry: registry === undefined ? undefined : parseRegistry(registry),
    }) as ProtobufOptions;
    stored.finish();
    return parsed;
  },
  checkSchema(schema, options) {
    if (options.intoUnstructuredJson)
      valueColumn(schema, "proto.into_unstructured_json", { text: "TEXT", json: "JSON" });
    else requireColumns(schema, "protobuf", "proto.into_unstructured_json");
  },
  // Loaded by who uses it: a program of another format starts without it.
  async openDecoder(options, context) {
    const { openProtobufDecoder } = await import("../protobuf/open-protobuf.js");
    return openProtobufDecoder(options, context);
  },
  async openEncoder(options, context) {
    const { openProtobufEncoder } = await import("../protobuf/open-protobuf.js");
    return openProtobufEncoder(options, context);
  },
} as const satisfies Format<ProtobufOptions>;
