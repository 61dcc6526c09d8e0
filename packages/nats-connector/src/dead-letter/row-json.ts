import type { Row } from "@x/connector-api";

/**
 * Any row as JSON, whatever is wrong with it: bigint as digits, bytes as base64, a Date as RFC 3339, NaN and the
 * infinities as text, what JSON has no form for (a cycle, too) as null. Keys in the row's own order. Never throws.
 */
export function encodeRowAsJson(row: Readonly<Row>): Uint8Array {
  return Buffer.from(print(row, new Set()));
}

function print(value: unknown, above: Set<object>): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "boolean":
    case "bigint":
      return `${value}`;
    case "number":
      return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
    case "object":
      return value === null || above.has(value) ? "null" : printObject(value, above);
    default:
      return "null";
  }
}

function printObject(value: object, above: Set<object>): string {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "null" : JSON.stringify(value);
  if (value instanceof Uint8Array) {
    return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")}"`;
  }
  above.add(value);
  const text = Array.isArray(value)
    ? `[${value.map((each: unknown) => print(each, above)).join(",")}]`
    : `{${Object.entries(value)
        .map(([key, each]) => `${JSON.stringify(key)}:${print(each, above)}`)
        .join(",")}}`;
  above.delete(value);
  return text;
}
