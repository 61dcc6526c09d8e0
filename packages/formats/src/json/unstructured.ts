import { type ConnectionSchema, type Decoder, type Encoder, kindOf, type RowValue } from "@x/connector-api";
import { badColumn, toBadData, withinField } from "../bad-value.js";
import { decodeUtf8, encodeUtf8 } from "../strict-utf8.js";
import { valueColumn } from "../value-column.js";
import { payloadOf } from "./connect-schema.js";
import { parseJson, readDocument } from "./json-document.js";
import { readJson, writeJson } from "./json-value.js";

const what = "json.unstructured";
const kinds = { text: "TEXT", json: "JSON" } as const;

/** Refuses a schema that is not one column `value` of TEXT or JSON. */
export function checkUnstructuredSchema(schema: ConnectionSchema): void {
  valueColumn(schema, what, kinds);
}

/** Any JSON document into the column `value`: its text as it came (TEXT), or the parsed value (JSON). */
export function createUnstructuredDecoder(schema: ConnectionSchema, includeSchema = false): Decoder {
  const column = valueColumn(schema, what, kinds);
  const isText = column.type.kind === "text";
  return {
    decode(payload, rows) {
      const given = decodeUtf8(payload);
      const text = includeSchema
        ? writeJson(
            readDocument(given, (document) => readValue(payloadOf(document))),
            "JSON",
          )
        : given;
      const value = isText ? text : readDocument(text, readValue);
      if (isText) parseJson(text);
      if (value === null && !column.nullable) throw badColumn("value", "JSON NOT NULL", "null");
      rows.push({ value });
    },
  };
}

/** The column `value` as the whole document: TEXT must be valid JSON and is written as it is; null becomes `null`. */
export function createUnstructuredEncoder(schema: ConnectionSchema): Encoder {
  const column = valueColumn(schema, what, kinds);
  const isText = column.type.kind === "text";
  return {
    encode({ value }) {
      if (value === null || value === undefined) {
        if (!column.nullable) throw badColumn("value", isText ? "TEXT NOT NULL" : "JSON NOT NULL", "null");
        return Buffer.from("null");
      }
      if (!isText) return Buffer.from(writeValue(value));
      if (typeof value !== "string") throw badColumn("value", "TEXT", kindOf(value));
      if (!isJson(value)) throw badColumn("value", "the text of a JSON document", "other text");
      return encodeUtf8(value);
    },
  };
}

function readValue(document: unknown): RowValue {
  try {
    return readJson(document, "JSON");
  } catch (error) {
    throw withinField("value", error);
  }
}

function writeValue(value: unknown): string {
  try {
    return writeJson(value, "JSON");
  } catch (error) {
    throw toBadData(withinField("value", error));
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
