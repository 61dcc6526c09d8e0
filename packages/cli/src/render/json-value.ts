import type { Row, RowValue } from "@x/connector-api";

/** A row as one line of JSON. What JSON has no type for: bytes as base64, unsafe integers as digits in a string. */
export function renderJsonLine(row: Readonly<Row>): string {
  return `${JSON.stringify(row, printable)}\n`;
}

/** A value in JSON, as {@link renderJsonLine} has it. */
export function renderJsonValue(value: RowValue): string {
  return JSON.stringify(value, printable);
}

function printable(_key: string, value: RowValue): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  return value;
}
