import { type Column, printSqlType, type SqlType } from "@x/connector-api";

/** Below any real payload's; what is deeper is JSON. */
const MAX_DEPTH = 8;
const MAX_COLUMNS = 200;

const json: SqlType = { kind: "json" };
const text: SqlType = { kind: "text" };
const bigint: SqlType = { kind: "integer", bits: 64, unsigned: false };
const double: SqlType = { kind: "float", bits: 64 };

/**
 * Columns of a CREATE TABLE that could hold these payloads (`id BIGINT`), in order of appearance; undefined when one is
 * no JSON object. Types are as wide as is safe: integers BIGINT, what differs between messages JSON, nothing NOT NULL.
 */
export function guessColumns(payloads: readonly Uint8Array[]): readonly string[] | undefined {
  const objects: object[] = [];
  for (const payload of payloads) {
    const value = parse(payload);
    if (!isObject(value)) return undefined;
    objects.push(value);
  }
  if (objects.length === 0) return undefined;
  return fieldsOf(objects, 0)
    .slice(0, MAX_COLUMNS)
    .map((field) => printSqlType({ kind: "struct", fields: [field] }).slice("STRUCT<".length, -1));
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString());
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldsOf(objects: readonly object[], depth: number): Column[] {
  const values = new Map<string, unknown[]>();
  for (const object of objects) {
    for (const [name, value] of Object.entries(object)) values.set(name, [...(values.get(name) ?? []), value]);
  }
  return [...values].map(([name, all]) => ({ name, type: typeOf(all, depth) ?? text, nullable: true }));
}

/** The type that holds all values; undefined when all are null. */
function typeOf(values: readonly unknown[], depth: number): SqlType | undefined {
  const given = values.filter((value) => value !== null);
  if (given.length === 0) return undefined;
  if (depth >= MAX_DEPTH) return json;
  if (given.every((value) => typeof value === "boolean")) return { kind: "boolean" };
  if (given.every((value) => typeof value === "number")) {
    return given.every((value) => Number.isInteger(value) && Math.abs(value as number) < 2 ** 63) ? bigint : double;
  }
  if (given.every((value) => typeof value === "string")) return textType(given as string[]);
  if (given.every(Array.isArray)) {
    const element = typeOf((given as unknown[][]).flat(), depth + 1);
    return element === undefined || element.kind === "json" ? json : { kind: "array", element };
  }
  if (given.every(isObject)) {
    const fields = fieldsOf(given as object[], depth + 1);
    return fields.length === 0 || fields.some(({ name }) => name === "") ? json : { kind: "struct", fields };
  }
  return json;
}

/** TEXT holds every string; these say more where all values are of one form. */
function textType(values: readonly string[]): SqlType {
  const all = (pattern: RegExp): boolean => values.every((value) => pattern.test(value));
  if (all(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/)) return { kind: "timestamp", precision: 3 };
  if (all(/^\d{4}-\d\d-\d\d$/)) return { kind: "date" };
  if (all(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i)) return { kind: "uuid" };
  return text;
}
