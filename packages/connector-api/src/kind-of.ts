/**
 * Names what kind of value came, for error messages that must not show the value: `null`, `undefined`, `boolean`,
 * `integer`, `number`, `bigint`, `string`, `array`, `bytes`, `Date`, `object`, `function`, `symbol`.
 */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  if (typeof value !== "object") return typeof value;
  if (Array.isArray(value)) return "array";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Date) return "Date";
  return "object";
}
