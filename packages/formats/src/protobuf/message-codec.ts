import { type Column, type ConnectionSchema, ConnectorError, isConnectorError, type Row } from "@x/connector-api";
import type { Type } from "protobufjs";
import { toBadData, withinField } from "../bad-value.js";
import { writeJson } from "../json/json-value.js";
import { valueColumn } from "../value-column.js";
import { compileMessageReader } from "./field-readers.js";
import { compileMessageWriter } from "./field-writers.js";
import { ProtobufJson } from "./json-readers.js";
import type { ProtobufLibrary } from "./load-schema.js";

/** Appends the rows of a payload from `start` on. Throws BAD_DATA. */
export type MessageReader = (payload: Uint8Array, start: number, rows: Row[]) => void;

export interface MessageReading {
  readonly schema: ConnectionSchema;
  readonly unstructured: boolean;
  /** A length before each message, and any number of messages. */
  readonly delimited: boolean;
}

/** Compiles the reader of a message type. Unknown fields are skipped without being kept. */
export function createMessageReader(library: ProtobufLibrary, type: Type, reading: MessageReading): MessageReader {
  const toRow = reading.unstructured
    ? unstructured(library, type, reading.schema)
    : typed(library, type, reading.schema);
  const { Reader } = library.protobuf;
  return (payload, start, rows) => {
    try {
      const buffer = Buffer.isBuffer(payload)
        ? payload
        : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
      const reader = Reader.create(buffer);
      reader.pos = start;
      reader.discardUnknown = true;
      if (!reading.delimited) rows.push(toRow(type.decode(reader)));
      else while (reader.pos < reader.len) rows.push(toRow(type.decodeDelimited(reader)));
    } catch (error) {
      throw badMessage(error);
    }
  };
}

function typed(library: ProtobufLibrary, type: Type, schema: ConnectionSchema): (message: object) => Row {
  return compileMessageReader(type, schema.columns, new ProtobufJson(library));
}

function unstructured(library: ProtobufLibrary, type: Type, schema: ConnectionSchema): (message: object) => Row {
  const column = valueColumn(schema, "proto.into_unstructured_json", { text: "TEXT", json: "JSON" });
  const read = new ProtobufJson(library).message(type);
  return (message) => {
    const value = read(message as { [field: string]: unknown });
    try {
      return { value: column.type.kind === "text" ? writeJson(value, "JSON") : value };
    } catch (error) {
      throw withinField("value", error);
    }
  };
}

/** Compiles the writer of a message type: `prefix` and the message behind it, in bytes of their own. */
export function createMessageWriter(
  library: ProtobufLibrary,
  type: Type,
  columns: readonly Column[],
  options: { readonly delimited: boolean; readonly prefix: Uint8Array },
): (row: Readonly<Row>) => Uint8Array {
  const toMessage = compileMessageWriter(type, columns, library);
  const { delimited, prefix } = options;
  return (row) => {
    try {
      const message = toMessage(row);
      const writer = delimited ? type.encodeDelimited(message) : type.encode(message);
      const bytes = writer.finish();
      return prefix.length === 0 ? bytes : Buffer.concat([prefix, bytes]);
    } catch (error) {
      const bad = toBadData(error);
      if (isConnectorError(bad)) throw bad;
      throw new ConnectorError("BAD_DATA", "the row does not fit the Protobuf message");
    }
  };
}

/** BAD_DATA for whatever reading can end in; the library's own words are dropped, they may quote the payload. */
function badMessage(error: unknown): unknown {
  const bad = toBadData(error);
  if (isConnectorError(bad)) return bad;
  const reason = /depth/.test(String((error as Error).message))
    ? "it is nested too deep"
    : /missing required/.test(String((error as Error).message))
      ? "a required field is missing"
      : "it ends too early, holds text that is no UTF-8, or is another message";
  return new ConnectorError("BAD_DATA", `the Protobuf payload cannot be read: ${reason}`);
}
