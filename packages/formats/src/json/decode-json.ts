import { type ConnectionSchema, ConnectorError, type Decoder, kindOf } from "@x/connector-api";
import { decodeUtf8 } from "../strict-utf8.js";
import { compileReader } from "./column-readers.js";
import type { JsonWriting } from "./column-writers.js";
import { payloadOf } from "./connect-schema.js";
import { digitsToKeep } from "./exact-numbers.js";
import { readDocument } from "./json-document.js";

/** How documents are read. */
export interface JsonReading {
  readonly decimalEncoding: JsonWriting["decimalEncoding"];
  /** The object stands in `payload`, beside its `schema` (Kafka Connect). */
  readonly includeSchema: boolean;
}

/** Decodes one JSON object per payload into one typed row. Compiled here, once; nothing is looked up per message. */
export function createJsonDecoder(schema: ConnectionSchema, reading: JsonReading): Decoder {
  const readFields = compileReader(schema.columns, reading.decimalEncoding === "bytes" ? "bytes" : "digits");
  const readObject = (document: unknown): ReturnType<typeof readFields> => {
    if (typeof document === "object" && document !== null && !Array.isArray(document)) return readFields(document);
    throw new ConnectorError("BAD_DATA", `the payload: expected a JSON object, got ${kindOf(document)}`, {
      context: { expected: "a JSON object", got: kindOf(document) },
    });
  };
  const read = reading.includeSchema ? (document: unknown) => readObject(payloadOf(document)) : readObject;
  const exact = digitsToKeep(schema.columns);
  return {
    decode(payload, rows) {
      rows.push(readDocument(decodeUtf8(payload), read, exact));
    },
  };
}
