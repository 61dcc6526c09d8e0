import { type Column, ConnectorError, isConnectorError, type Row } from "@x/connector-api";
import { toBadData } from "../bad-value.js";
import { needsExact } from "../json/exact-numbers.js";
import type { Avsc, AvscType } from "./avsc-types.js";
import { compileAvroWriter } from "./column-writers.js";
import type { Tap } from "./guarded-tap.js";
import type { AvroNode } from "./schema-model.js";

/** Writes rows as data of one schema. */
export interface DatumWriter {
  /** `prefix` and the datum behind it, in bytes of their own. Throws BAD_DATA. */
  write(row: Readonly<Row>, prefix: Uint8Array): Uint8Array;
}

/** Larger scratch space is given back after use. */
const keptBytes = 1024 * 1024;

/** Compiles the writer of a schema. A row is written with plain numbers; only one that needs bigints goes again. */
export function createDatumWriter(avsc: Avsc, node: AvroNode, columns: readonly Column[]): DatumWriter {
  if (node.kind !== "record") {
    throw new ConnectorError("SCHEMA_INVALID", `the Avro schema of a sink: expected a record, got ${node.kind}`);
  }
  const tap = avsc.createWriteTap();
  const open = (exact: boolean): { readonly type: AvscType; readonly toDatum: (row: object) => object } => ({
    type: avsc.createType(node, exact),
    toDatum: compileAvroWriter(node, columns, exact),
  });
  const plain = open(false);
  let exact: ReturnType<typeof open> | undefined;
  const writeWith = ({ type, toDatum }: ReturnType<typeof open>, row: object, prefix: Uint8Array): Uint8Array => {
    const datum = toDatum(row);
    writeInto(tap, type, datum, prefix.length);
    if (tap.pos > tap.buf.length) {
      tap.buf = Buffer.allocUnsafeSlow(tap.pos * 2);
      writeInto(tap, type, datum, prefix.length);
    }
    const bytes = Buffer.allocUnsafe(tap.pos);
    tap.buf.copy(bytes, prefix.length, prefix.length, tap.pos);
    if (prefix.length > 0) bytes.set(prefix, 0);
    if (tap.buf.length > keptBytes) tap.buf = Buffer.allocUnsafeSlow(4096);
    return bytes;
  };
  return {
    write(row, prefix) {
      try {
        return writeWith(plain, row, prefix);
      } catch (error) {
        if (error !== needsExact) throw badRow(error);
      }
      exact ??= open(true);
      try {
        return writeWith(exact, row, prefix);
      } catch (error) {
        throw badRow(error);
      }
    },
  };
}

function writeInto(tap: Tap, type: AvscType, datum: object, start: number): void {
  tap.pos = start;
  type._write(tap, datum);
}

function badRow(error: unknown): unknown {
  const bad = toBadData(error);
  if (isConnectorError(bad)) return bad;
  return new ConnectorError("BAD_DATA", "the row does not fit the Avro schema");
}
