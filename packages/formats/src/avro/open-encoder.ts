import { isDeepStrictEqual } from "node:util";
import { ConnectorError, type Encoder, type FormatContext } from "@x/connector-api";
import { envelope } from "../schema/confluent-envelope.js";
import { openRegistry, referencesOf, resolveSinkSchema } from "../schema/registry-options.js";
import { openSchemaText } from "../schema/schema-source.js";
import type { AvroOptions } from "./avro-options.js";
import { loadAvsc } from "./avsc-types.js";
import { createContainerWriter } from "./container-file.js";
import { createDatumWriter } from "./datum-writer.js";
import { deriveAvroSchema } from "./derived-schema.js";
import { singleObjectHeader } from "./fingerprint.js";
import { parseAvroSchema } from "./schema-model.js";

/** Loads avsc, gets or registers the schema and compiles its writer. */
export async function openAvroEncoder(options: AvroOptions, context: FormatContext): Promise<Encoder> {
  if (options.intoUnstructuredJson) {
    throw new ConnectorError("UNSUPPORTED", "avro.into_unstructured_json is for a source; a sink needs typed columns");
  }
  if ((options.readerSchema ?? options.readerSchemaFile) !== undefined) {
    throw new ConnectorError("OPTION_CONFLICT", "avro.reader_schema is for a source; a sink writes with avro.schema");
  }
  const avsc = await loadAvsc();
  const { columns } = context.schema;
  const own = await openSchemaText(options.schema, options.schemaFile, "avro.schema_file");
  const { schemaRegistry } = options;
  if (schemaRegistry !== undefined) {
    const client = await openRegistry(schemaRegistry, context);
    const text = own ?? (schemaRegistry.autoRegister === true ? deriveAvroSchema(columns) : undefined);
    if (text !== undefined) createDatumWriter(avsc, parseAvroSchema(text, "avro.schema"), columns);
    const registered = await resolveSinkSchema(client, schemaRegistry, "AVRO", text, isSameJson);
    const references = await referencesOf(client, registered);
    const texts = references.map((one) => one.schema);
    const schema = parseAvroSchema(registered.schema, `schema ${registered.id}`, texts);
    const writer = createDatumWriter(avsc, schema, columns);
    const prefix = envelope(registered.id);
    return { encode: (row) => writer.write(row, prefix) };
  }
  const text = own ?? deriveAvroSchema(columns);
  const schema = parseAvroSchema(text, "avro.schema");
  const writer = createDatumWriter(avsc, schema, columns);
  if (options.rawDatums || options.singleObject) {
    const prefix = options.singleObject ? singleObjectHeader(schema) : new Uint8Array();
    return { encode: (row) => writer.write(row, prefix) };
  }
  return { encode: createContainerWriter(text, writer) };
}

function isSameJson(a: string, b: string): boolean {
  return isDeepStrictEqual(JSON.parse(a), JSON.parse(b));
}
