import { ConnectorError, type Decoder, type FormatContext } from "@x/connector-api";
import { createBySchemaId } from "../schema/by-schema-id.js";
import { ENVELOPE_BYTES } from "../schema/confluent-envelope.js";
import { openRegistry, type RegistrySettings, referencesOf } from "../schema/registry-options.js";
import { openSchemaText } from "../schema/schema-source.js";
import type { AvroOptions } from "./avro-options.js";
import { type Avsc, loadAvsc } from "./avsc-types.js";
import { createContainerReader } from "./container-file.js";
import { createDatumReader, type DatumReader, type DatumTarget } from "./datum-reader.js";
import { deriveAvroSchema } from "./derived-schema.js";
import { isSingleObject, singleObjectHeader } from "./fingerprint.js";
import { type AvroNode, parseAvroSchema } from "./schema-model.js";

/** Loads avsc, gets the schemas and compiles the readers that can be known beforehand. */
export async function openAvroDecoder(options: AvroOptions, context: FormatContext): Promise<Decoder> {
  const avsc = await loadAvsc();
  const { schema } = context;
  const own = await openSchemaText(options.schema, options.schemaFile, "avro.schema_file");
  const readerText = await openSchemaText(options.readerSchema, options.readerSchemaFile, "avro.reader_schema_file");
  const reader = readerText === undefined ? undefined : parseAvroSchema(readerText, "avro.reader_schema");
  const loose: DatumTarget = { schema, unstructured: options.intoUnstructuredJson, missing: "null" };
  if (options.schemaRegistry !== undefined) {
    return await openWithRegistry(avsc, options.schemaRegistry, context, reader, loose);
  }
  const written = own ?? writerText(options, context);
  const writer = written === undefined ? undefined : parseAvroSchema(written, "avro.schema");
  const strict: DatumTarget = { ...loose, missing: "refuse" };
  const datum = writer === undefined ? undefined : createDatumReader(avsc, writer, reader, strict);
  const single = writer === undefined ? undefined : singleObjectHeader(writer);
  const takesSingle = (payload: Buffer): boolean =>
    isSingleObject(payload) && single !== undefined && payload.subarray(0, single.length).equals(single);

  if (options.rawDatums || options.singleObject) {
    if (datum === undefined) throw needsSchema();
    return {
      decode(payload, rows) {
        const buffer = bufferOf(payload);
        const start = takesSingle(buffer) ? 10 : 0;
        if (start === 0 && options.singleObject) throw otherObject(buffer);
        rows.push(readWhole(datum, buffer, start));
      },
    };
  }
  const readFile = createContainerReader(
    avsc,
    keepLast((text) => createDatumReader(avsc, parseWritten(text), reader, loose)),
  );
  return {
    decode(payload, rows) {
      const buffer = bufferOf(payload);
      if (isSingleObject(buffer)) {
        if (datum === undefined || !takesSingle(buffer)) throw otherObject(buffer);
        rows.push(readWhole(datum, buffer, 10));
      } else readFile(buffer, rows);
    },
  };
}

async function openWithRegistry(
  avsc: Avsc,
  settings: RegistrySettings,
  context: FormatContext,
  reader: AvroNode | undefined,
  target: DatumTarget,
): Promise<Decoder> {
  const client = await openRegistry(settings, context);
  // A registry that is not there, or not ours to ask, is found out at the start.
  if (settings.subject !== undefined) await client.bySubject(settings.subject);
  const readers = createBySchemaId(async (id) => {
    const found = await client.byId(id);
    if (found.type !== "AVRO") throw new ConnectorError("SCHEMA_INVALID", `it is ${found.type}, expected AVRO`);
    const references = await referencesOf(client, found);
    const texts = references.map((one) => one.schema);
    return createDatumReader(avsc, parseAvroSchema(found.schema, `schema ${id}`, texts), reader, target);
  });
  return {
    prepare: (payload) => readers.prepare(payload),
    decode(payload, rows) {
      rows.push(readWhole(readers.readerOf(payload), bufferOf(payload), ENVELOPE_BYTES));
    },
  };
}

/** The schema of a source that was given none: what a sink with the same columns writes. */
function writerText(options: AvroOptions, { schema }: FormatContext): string | undefined {
  return options.intoUnstructuredJson
    ? undefined
    : options.rawDatums || options.singleObject
      ? deriveAvroSchema(schema.columns)
      : undefined;
}

function readWhole(datum: DatumReader, buffer: Buffer, start: number): ReturnType<DatumReader["read"]> {
  const row = datum.read(buffer, start);
  if (datum.end === buffer.length) return row;
  throw new ConnectorError(
    "BAD_DATA",
    `the Avro payload cannot be read: ${buffer.length - datum.end} bytes are left over; was it written with another schema?`,
  );
}

/** A schema that came with the data: what is wrong with it is wrong with the payload. */
function parseWritten(text: string): AvroNode {
  try {
    return parseAvroSchema(text, "the file's schema");
  } catch (error) {
    throw new ConnectorError("BAD_DATA", (error as Error).message, { cause: error });
  }
}

/** Files of one stream have few schemas: the reader of each is kept, up to a handful. */
function keepLast(open: (text: string) => DatumReader): (text: string) => DatumReader {
  const kept = new Map<string, DatumReader>();
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    let reader: DatumReader;
    try {
      reader = open(text);
    } catch (error) {
      throw new ConnectorError("BAD_DATA", (error as Error).message, { cause: error });
    }
    kept.set(text, reader);
    const [oldest] = kept.keys();
    if (kept.size > 16 && oldest !== undefined) kept.delete(oldest);
    return reader;
  };
}

function bufferOf(payload: Uint8Array): Buffer {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.length);
}

function needsSchema(): ConnectorError {
  return new ConnectorError(
    "OPTION_MISSING",
    'option "avro.schema" (or "avro.schema_file") is required: avro.into_unstructured_json reads bare records of any shape, and nothing else says which',
  );
}

function otherObject(payload: Buffer): ConnectorError {
  const what = isSingleObject(payload) ? "is in single-object encoding of another schema" : "is no single object";
  return new ConnectorError(
    "BAD_DATA",
    `the Avro payload ${what} than avro.schema`.replace("object than", "object of"),
  );
}
