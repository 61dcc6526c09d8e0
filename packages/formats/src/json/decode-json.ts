import { type ConnectionSchema, ConnectorError, type Decoder, kindOf, type SqlType } from "@x/connector-api";
import { decodeUtf8 } from "../strict-utf8.js";
import { compileReader } from "./column-readers.js";
import { mayLoseDigits } from "./exact-numbers.js";
import { readDocument } from "./json-document.js";

/** Decodes one JSON object per payload into one typed row. Compiled here, once; nothing is looked up per message. */
export function createJsonDecoder(schema: ConnectionSchema): Decoder {
  const readFields = compileReader(schema.columns);
  const read = (document: unknown): ReturnType<typeof readFields> => {
    if (typeof document === "object" && document !== null && !Array.isArray(document)) return readFields(document);
    throw new ConnectorError("BAD_DATA", `the payload: expected a JSON object, got ${kindOf(document)}`, {
      context: { expected: "a JSON object", got: kindOf(document) },
    });
  };
  const exact = schema.columns.some(({ type }) => holdsDecimal(type)) ? mayLoseDigits : undefined;
  return {
    decode(payload, rows) {
      rows.push(readDocument(decodeUtf8(payload), read, exact));
    },
  };
}

function holdsDecimal(type: SqlType): boolean {
  switch (type.kind) {
    case "decimal":
      return true;
    case "array":
      return holdsDecimal(type.element);
    case "struct":
      return type.fields.some((field) => holdsDecimal(field.type));
    default:
      return false;
  }
}
