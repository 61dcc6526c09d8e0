import { ConnectorError, type Decoder, type Encoder, type FormatContext, isConnectorError } from "@x/connector-api";
import type { Type } from "protobufjs";
import { createBySchemaId } from "../schema/by-schema-id.js";
import { envelope } from "../schema/confluent-envelope.js";
import type { RegisteredSchema, RegistryClient } from "../schema/registry-client.js";
import { openRegistry, referencesOf, resolveSinkSchema } from "../schema/registry-options.js";
import {
  indexesOf,
  type LoadedSchema,
  loadProtobufjs,
  loadProtoFile,
  messageType,
  type ProtobufLibrary,
  parseProtoText,
  typeAt,
} from "./load-schema.js";
import { createMessageReader, createMessageWriter, type MessageReader } from "./message-codec.js";
import { readMessageIndexes, writeMessageIndexes } from "./message-indexes.js";
import type { ProtobufOptions } from "./protobuf-options.js";

/** Loads protobufjs, gets the schema and compiles the reader of the message. */
export async function openProtobufDecoder(options: ProtobufOptions, context: FormatContext): Promise<Decoder> {
  const library = await loadProtobufjs();
  const reading = {
    schema: context.schema,
    unstructured: options.intoUnstructuredJson,
    delimited: options.lengthDelimited,
  };
  if (options.schemaRegistry === undefined) {
    const loaded = await openSchema(library, options);
    const read = createMessageReader(library, messageType(loaded, nameOf(options)), reading);
    return { decode: (payload, rows) => read(payload, 0, rows) };
  }
  const client = await openRegistry(options.schemaRegistry, context);
  if (options.schemaRegistry.subject !== undefined) await client.bySubject(options.schemaRegistry.subject);
  /** The reader of a message, or why there is none for as long as the schema is kept. */
  const compile = (type: Type, id: number): MessageReader | ConnectorError => {
    try {
      return createMessageReader(library, type, reading);
    } catch (error) {
      return new ConnectorError("BAD_DATA", `schema ${id}: ${(error as Error).message}`, { cause: error });
    }
  };
  const readers = createBySchemaId(async (id) => {
    const loaded = await loadRegistered(library, client, await client.byId(id), `schema ${id}`);
    const byPath = new Map<string, MessageReader | ConnectorError>();
    return (payload: Uint8Array): { readonly read: MessageReader; readonly start: number } => {
      const { indexes, end } = readMessageIndexes(payload);
      const path = indexes.join(".");
      let read = byPath.get(path);
      if (read === undefined) {
        const type = typeAt(loaded, indexes);
        if (type === undefined) throw new ConnectorError("BAD_DATA", `schema ${id} has no message at index ${path}`);
        read = compile(type, id);
        byPath.set(path, read);
      }
      if (isConnectorError(read)) throw read;
      return { read, start: end };
    };
  });
  return {
    prepare: (payload) => readers.prepare(payload),
    decode(payload, rows) {
      const { read, start } = readers.readerOf(payload)(payload);
      read(payload, start, rows);
    },
  };
}

/** Loads protobufjs, gets or registers the schema and compiles the writer of the message. */
export async function openProtobufEncoder(options: ProtobufOptions, context: FormatContext): Promise<Encoder> {
  if (options.intoUnstructuredJson) {
    throw new ConnectorError("UNSUPPORTED", "proto.into_unstructured_json is for a source; a sink needs typed columns");
  }
  const library = await loadProtobufjs();
  const { columns } = context.schema;
  const delimited = options.lengthDelimited;
  const { schemaRegistry } = options;
  if (schemaRegistry === undefined) {
    const type = messageType(await openSchema(library, options), nameOf(options));
    return { encode: createMessageWriter(library, type, columns, { delimited, prefix: new Uint8Array() }) };
  }
  if (options.schemaFile !== undefined) {
    throw new ConnectorError(
      "OPTION_CONFLICT",
      "a registry takes .proto text: give it as proto.schema, or leave it out to write with the subject's latest",
    );
  }
  const client = await openRegistry(schemaRegistry, context);
  const registered = await resolveSinkSchema(client, schemaRegistry, "PROTOBUF", options.schema, isSameText);
  const loaded = await loadRegistered(library, client, registered, `schema ${registered.id}`);
  const type = messageType(loaded, nameOf(options));
  const prefix = Buffer.concat([envelope(registered.id), writeMessageIndexes(indexesOf(loaded, type))]);
  return { encode: createMessageWriter(library, type, columns, { delimited, prefix }) };
}

async function openSchema(library: ProtobufLibrary, options: ProtobufOptions): Promise<LoadedSchema> {
  if (options.schemaFile !== undefined) return await loadProtoFile(library, options.schemaFile);
  if (options.schema === undefined) {
    throw new ConnectorError("OPTION_MISSING", 'option "proto.schema" or "proto.schema_file" is required');
  }
  return await parseProtoText(library, options.schema, "proto.schema", () => Promise.resolve(undefined));
}

async function loadRegistered(
  library: ProtobufLibrary,
  client: RegistryClient,
  registered: RegisteredSchema,
  what: string,
): Promise<LoadedSchema> {
  if (registered.type !== "PROTOBUF")
    throw new ConnectorError("SCHEMA_INVALID", `${what} is ${registered.type}, expected PROTOBUF`);
  const references = new Map((await referencesOf(client, registered)).map((one) => [one.name, one.schema]));
  return await parseProtoText(library, registered.schema, what, (name) => Promise.resolve(references.get(name)));
}

function nameOf({ messageName }: ProtobufOptions): string {
  if (messageName !== undefined) return messageName;
  throw new ConnectorError("OPTION_MISSING", 'option "proto.message_name" is required');
}

function isSameText(a: string, b: string): boolean {
  const fold = (text: string): string => text.replace(/\s+/g, " ").trim();
  return fold(a) === fold(b);
}
