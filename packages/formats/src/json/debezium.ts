import {
  type Column,
  type ConnectionSchema,
  ConnectorError,
  type Decoder,
  type Encoder,
  kindOf,
  type Row,
} from "@x/connector-api";
import { toBadData, withinField } from "../bad-value.js";
import { decodeUtf8 } from "../strict-utf8.js";
import { compileReader } from "./column-readers.js";
import { createRowWriter, type JsonWriting } from "./column-writers.js";
import { connectSchema, payloadOf } from "./connect-schema.js";
import { checkTimestamps } from "./encode-json.js";
import { digitsToKeep } from "./exact-numbers.js";
import { JsonBytes } from "./json-bytes.js";
import { readDocument } from "./json-document.js";

/** The column that tells a row taken back from a row added. */
const RETRACT = "is_retract";

/**
 * Reads change events: `c` and `r` add the row `after`. With a BOOLEAN column `is_retract`, `u` takes `before` back and
 * adds `after`, and `d` takes `before` back; without it they are bad data, because a row cannot say that it is gone.
 */
export function createDebeziumDecoder(schema: ConnectionSchema, { decimalEncoding }: JsonWriting): Decoder {
  const { columns, retracts } = split(schema);
  const read = compileReader(columns, decimalEncoding === "bytes" ? "bytes" : "digits");
  const rowsOf = (document: unknown): Row[] => {
    const found = objectOf(document, "the payload");
    const event = Object.hasOwn(found, "op") ? found : objectOf(payloadOf(found), "the payload's envelope");
    const side = (name: "before" | "after", isRetract: boolean): Row => {
      try {
        const row = read(objectOf(event[name], `"${name}" (with REPLICA IDENTITY FULL the database sends it)`)) as Row;
        if (retracts) row[RETRACT] = isRetract;
        return row;
      } catch (error) {
        throw withinField(name, error);
      }
    };
    const { op } = event;
    if (op === "c" || op === "r") return [side("after", false)];
    if (op !== "u" && op !== "d") throw bad('"op": expected c, r, u or d');
    if (!retracts) {
      throw bad(
        `"op" ${op}: only inserts (c, r) are rows; a column ${RETRACT} BOOLEAN takes updates and deletes as well`,
      );
    }
    return op === "u" ? [side("before", true), side("after", false)] : [side("before", true)];
  };
  const exact = digitsToKeep(columns);
  return {
    decode(payload, rows) {
      rows.push(...readDocument(decodeUtf8(payload), rowsOf, exact));
    },
  };
}

/** Writes change events: a row is an insert (`c`), or with `is_retract` true a delete (`d`). */
export function createDebeziumEncoder(
  schema: ConnectionSchema,
  writing: JsonWriting & { readonly includeSchema: boolean },
): Encoder {
  const { columns } = split(schema);
  checkTimestamps({ columns }, writing);
  const write = createRowWriter(columns, writing);
  const row = { ...connectSchema({ columns }, writing), optional: true };
  const fields = [
    { ...row, field: "before" },
    { ...row, field: "after" },
    { type: "string", optional: false, field: "op" },
  ];
  const envelope = JSON.stringify({ type: "struct", fields, optional: false, name: "row.Envelope" });
  const [start, end] = writing.includeSchema ? [`{"schema":${envelope},"payload":`, "}"] : ["", ""];
  const out = new JsonBytes();
  return {
    encode(row) {
      const retracts = row[RETRACT] === true;
      try {
        out.text(retracts ? `${start}{"before":` : `${start}{"before":null,"after":`);
        write(row, out);
        out.text(retracts ? `,"after":null,"op":"d"}${end}` : `,"op":"c"}${end}`);
        return out.takeRow();
      } catch (error) {
        out.dropRow();
        throw toBadData(error);
      }
    },
  };
}

function split(schema: ConnectionSchema): { readonly columns: readonly Column[]; readonly retracts: boolean } {
  const retract = schema.columns.find(({ name, type }) => name === RETRACT && type.kind === "boolean");
  return { columns: schema.columns.filter((column) => column !== retract), retracts: retract !== undefined };
}

function objectOf(value: unknown, what: string): { readonly [key: string]: unknown } {
  if (kindOf(value) === "object") return value as { readonly [key: string]: unknown };
  throw bad(`${what}: expected an object, got ${kindOf(value)}`);
}

function bad(message: string): ConnectorError {
  return new ConnectorError("BAD_DATA", `the change event: ${message}`);
}
