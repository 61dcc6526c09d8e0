import { type ConnectionSchema, ConnectorError, isConnectorError, type Row, type RowValue } from "@x/connector-api";
import { toBadData, withinField } from "../bad-value.js";
import { needsExact } from "../json/exact-numbers.js";
import { writeJson } from "../json/json-value.js";
import { valueColumn } from "../value-column.js";
import type { Avsc, AvscType } from "./avsc-types.js";
import { compileAvroReader } from "./column-readers.js";
import { overrun, type Tap } from "./guarded-tap.js";
import { createJsonReader } from "./json-readers.js";
import { compileResolution } from "./resolution.js";
import type { AvroNode } from "./schema-model.js";

/** Reads data of one writer's schema, one after the other. */
export interface DatumReader {
  /** The row of the datum at `start`; {@link end} is then where it stopped. Throws BAD_DATA. */
  read(buffer: Buffer, start: number): Row;
  readonly end: number;
}

/** How data become rows. */
export interface DatumTarget {
  readonly schema: ConnectionSchema;
  /** One column `value` for the whole datum as JSON. */
  readonly unstructured: boolean;
  readonly missing: "refuse" | "null";
}

/** A datum as avsc gives it to a row. */
type ToRow = (value: unknown) => Row;

/**
 * Compiles the reader of a writer's schema, resolved into a reader's schema where there is one. SCHEMA_INVALID when the
 * two do not resolve, or the result does not fit the columns. A datum is read with plain numbers first; only one that
 * holds a long beyond 2^53, or text with U+FFFD, is read again with bigints and checked text.
 */
export function createDatumReader(
  avsc: Avsc,
  writer: AvroNode,
  reader: AvroNode | undefined,
  target: DatumTarget,
): DatumReader {
  const open = (exact: boolean): { readonly tap: Tap; readonly type: AvscType; readonly toRow: ToRow } => {
    const type = avsc.createType(writer, exact);
    const tap = avsc.createReadTap({ rounding: exact });
    const toRow = createToRow(reader ?? writer, target, exact);
    if (reader === undefined) return { tap, type, toRow };
    const resolve = compileResolution(writer, reader, exact);
    return { tap, type, toRow: (value) => toRow(resolve(value)) };
  };
  const plain = open(false);
  let exact: ReturnType<typeof open> | undefined;

  const readWith = ({ tap, type, toRow }: ReturnType<typeof open>, buffer: Buffer, start: number): Row => {
    tap.buf = buffer;
    tap.pos = start;
    const value = type._read(tap);
    if (tap.pos > buffer.length) throw overrun;
    datum.end = tap.pos;
    return toRow(value);
  };
  const datum = {
    end: 0,
    read(buffer: Buffer, start: number): Row {
      try {
        return readWith(plain, buffer, start);
      } catch (error) {
        if (error !== needsExact) throw badDatum(error);
      }
      exact ??= open(true);
      try {
        return readWith(exact, buffer, start);
      } catch (error) {
        throw badDatum(error);
      }
    },
  };
  return datum;
}

function createToRow(schema: AvroNode, target: DatumTarget, exact: boolean): ToRow {
  if (target.unstructured) return createUnstructured(schema, target, exact);
  if (schema.kind !== "record") {
    throw new ConnectorError(
      "SCHEMA_INVALID",
      `the Avro schema: expected a record for typed columns, got ${schema.kind}; avro.into_unstructured_json takes any`,
    );
  }
  const { missing } = target;
  return compileAvroReader(schema, target.schema.columns, { exact, missing }) as ToRow;
}

function createUnstructured(schema: AvroNode, target: DatumTarget, exact: boolean): ToRow {
  const column = valueColumn(target.schema, "avro.into_unstructured_json", { text: "TEXT", json: "JSON" });
  const read = createJsonReader(schema, exact);
  return (datum) => {
    try {
      const value = read(datum);
      return { value: column.type.kind === "text" ? writeJson(value, "JSON") : (value as RowValue) };
    } catch (error) {
      throw withinField("value", error);
    }
  };
}

/** BAD_DATA for whatever reading a datum can end in; avsc's own words are dropped, they may quote it. */
function badDatum(error: unknown): unknown {
  if (isConnectorError(error)) return error;
  const bad = toBadData(error);
  if (isConnectorError(bad)) return bad;
  const reason =
    error === overrun
      ? "it ends too early, or holds a length that cannot be"
      : error instanceof RangeError
        ? "it is nested too deep"
        : "it is not a datum of the schema";
  return new ConnectorError("BAD_DATA", `the Avro payload cannot be read: ${reason}`);
}
