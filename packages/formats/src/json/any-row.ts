import { type Decoder, type Encoder, kindOf, type Row } from "@x/connector-api";
import { BadValue, toBadData, withinField } from "../bad-value.js";
import { decodeUtf8 } from "../strict-utf8.js";
import { createRfc3339Writer } from "../values/timestamp.js";
import type { JsonWriting } from "./column-writers.js";
import { payloadOf } from "./connect-schema.js";
import { readDocument } from "./json-document.js";
import { readJson, writeJson } from "./json-value.js";

const EXPECTED = "a value of JSON, a Date or a Uint8Array";

/**
 * Decodes one JSON object per payload into a row of a table without columns: every key it has, each value as JSON holds
 * it, integers beyond 2^53 as bigint.
 */
export function createAnyRowDecoder(includeSchema: boolean): Decoder {
  const read = (document: unknown): Row => {
    const object = includeSchema ? payloadOf(document) : document;
    if (kindOf(object) !== "object") throw new BadValue("a JSON object", kindOf(object));
    return readJson(object, "JSON") as Row;
  };
  return {
    decode(payload, rows) {
      rows.push(readDocument(decodeUtf8(payload), read));
    },
  };
}

/**
 * Encodes rows of a table without columns: an object of the keys that each row has, in their order. A Date is written
 * by `json.timestamp_format`, a Uint8Array as base64, both only as a value of the row itself; a key that holds
 * `undefined` is left out; everything else is JSON, bigint as digits, or bad data.
 */
export function createAnyRowEncoder({ timestampFormat }: JsonWriting): Encoder {
  const writeTime = createRfc3339Writer("ms");
  const writeValue = (value: unknown): string => {
    if (value instanceof Uint8Array) {
      return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")}"`;
    }
    if (!(value instanceof Date)) return writeJson(value, EXPECTED);
    const text = writeTime(value);
    if (text === undefined) throw new BadValue(EXPECTED, "a time that cannot be written");
    return timestampFormat === "unix_millis" ? `${value.getTime()}` : `"${text}"`;
  };
  const writeField = (key: string, value: unknown): string => {
    try {
      return `${JSON.stringify(key)}:${writeValue(value)}`;
    } catch (error) {
      throw withinField(key, error);
    }
  };
  return {
    encode(row) {
      try {
        if (kindOf(row) !== "object") throw new BadValue("an object", kindOf(row));
        const present = Object.entries(row).filter(([, value]) => value !== undefined);
        return Buffer.from(`{${present.map(([key, value]) => writeField(key, value)).join()}}`);
      } catch (error) {
        throw toBadData(error);
      }
    },
  };
}
