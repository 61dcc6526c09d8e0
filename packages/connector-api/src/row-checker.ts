import type { Column, ConnectionSchema, SqlType } from "./connection-schema.js";
import { ConnectorError } from "./errors.js";
import { maxJsonDepth } from "./exact-json.js";
import { kindOf } from "./kind-of.js";
import type { Row } from "./row.js";
import { compileRowTest } from "./row-test.js";
import { printSqlType } from "./sql-type.js";

/** The path of the first mistake below a value and what came there; undefined when all is well. */
interface Mistake {
  path: string;
  readonly expected: string;
  readonly got: string;
}

type Check = (value: unknown) => Mistake | undefined;

/**
 * Compiles a check of rows against a schema, for rows that no decoder made. The check throws BAD_DATA naming column
 * path, expected type and kind of what came, never the value. `undefined` counts as null; keys that are no column are
 * not looked at. The checker keeps nothing between calls.
 */
export function compileRowChecker(schema: ConnectionSchema): (row: Readonly<Row>) => void {
  // Generated code says quickly that all is well; the closures say what is not.
  const explain = compileExplanation(schema);
  const fits = compileRowTest(schema, (type) => scalarTest(type as ScalarType)) ?? (() => false);
  return (row) => {
    if (!fits(row)) explain(row);
  };
}

/** The same check without generated code: slower, and the half that knows path, expected type and what came. */
export function compileExplanation(schema: ConnectionSchema): (row: Readonly<Row>) => void {
  const columns = schema.columns.map((column) => ({ name: column.name, check: compileColumn(column) }));
  return (row) => {
    for (const { name, check } of columns) {
      const mistake = check(row[name]);
      if (mistake !== undefined) throw badRow(mistake);
    }
  };
}

function badRow({ path, expected, got }: Mistake): ConnectorError {
  return new ConnectorError("BAD_DATA", `column "${path}": expected ${expected}, got ${got}`, {
    context: { column: path, expected, got },
  });
}

function compileColumn({ name, type, nullable }: Column): Check {
  const check = compileType(type);
  return (value) => {
    if (value === null || value === undefined) {
      return nullable ? undefined : { path: name, expected: `${printSqlType(type)} NOT NULL`, got: kindOf(value) };
    }
    const mistake = check(value);
    if (mistake === undefined) return undefined;
    mistake.path = `${name}${mistake.path}`;
    return mistake;
  };
}

/** Checks a value that is not null. Paths begin with nothing, `.field` or `[index]`. */
function compileType(type: SqlType): Check {
  switch (type.kind) {
    case "array":
      return compileArray(type, compileType(type.element));
    case "struct":
      return compileStruct(type);
    default: {
      const holds = scalarTest(type);
      const expected = printSqlType(type);
      return (value) => (holds(value) ? undefined : { path: "", expected, got: describe(value, type) });
    }
  }
}

function compileArray(type: SqlType, checkElement: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return { path: "", expected: printSqlType(type), got: kindOf(value) };
    for (let i = 0; i < value.length; i++) {
      const element: unknown = value[i];
      const mistake = element === null || element === undefined ? undefined : checkElement(element);
      if (mistake !== undefined) {
        mistake.path = `[${i}]${mistake.path}`;
        return mistake;
      }
    }
    return undefined;
  };
}

function compileStruct(type: SqlType & { kind: "struct" }): Check {
  const fields = type.fields.map((field) => ({ name: field.name, check: compileColumn(field) }));
  return (value) => {
    if (kindOf(value) !== "object") return { path: "", expected: printSqlType(type), got: kindOf(value) };
    for (const { name, check } of fields) {
      const mistake = check((value as Record<string, unknown>)[name]);
      if (mistake !== undefined) {
        mistake.path = `.${mistake.path}`;
        return mistake;
      }
    }
    return undefined;
  };
}

/** Types whose values have no parts. */
export type ScalarType = Exclude<SqlType, { kind: "array" | "struct" }>;

export function scalarTest(type: ScalarType): (value: unknown) => boolean {
  switch (type.kind) {
    case "boolean":
      return (value) => typeof value === "boolean";
    case "integer":
      return integerTest(type.bits, type.unsigned);
    case "float":
      return (value) => typeof value === "number";
    case "decimal":
      return decimalTest(type.precision, type.scale);
    case "text":
      return (value) => typeof value === "string";
    case "uuid":
      return matches(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i);
    case "bytes":
      return (value) => value instanceof Uint8Array;
    case "date":
      return matches(/^[+-]?\d{4,6}-\d\d-\d\d$/);
    case "time":
      return matches(/^\d\d:\d\d:\d\d(\.\d{1,9})?$/);
    case "timestamp":
      return type.precision > 3
        ? (value) => typeof value === "bigint"
        : (value) => value instanceof Date && !Number.isNaN(value.getTime());
    case "json":
      return (value) => isJson(value, 0);
  }
}

function integerTest(bits: number, unsigned: boolean): (value: unknown) => boolean {
  const max = (1n << BigInt(unsigned ? bits : bits - 1)) - 1n;
  const min = unsigned ? 0n : -max - 1n;
  const safeMax = Math.min(Number(max), Number.MAX_SAFE_INTEGER);
  const safeMin = Math.max(Number(min), Number.MIN_SAFE_INTEGER);
  return (value) =>
    typeof value === "number"
      ? Number.isInteger(value) && value >= safeMin && value <= safeMax
      : bits === 64 && typeof value === "bigint" && value >= min && value <= max;
}

function decimalTest(precision: number, scale: number): (value: unknown) => boolean {
  return (value) => {
    const match = typeof value === "string" ? /^[+-]?(\d*)(?:\.(\d*))?$/.exec(value) : null;
    if (match === null) return false;
    const [, whole = "", fraction = ""] = match;
    if (whole === "" && fraction === "") return false;
    // Zeros that say nothing are counted by hand: a pattern that looks for them reads a long text once per zero.
    let start = 0;
    while (whole[start] === "0") start++;
    let end = fraction.length;
    while (fraction[end - 1] === "0") end--;
    return whole.length - start <= precision - scale && end <= scale;
  };
}

function matches(pattern: RegExp): (value: unknown) => boolean {
  return (value) => typeof value === "string" && pattern.test(value);
}

function isJson(value: unknown, depth: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (depth === maxJsonDepth) return false;
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1));
  return kindOf(value) === "object" && Object.values(value as object).every((member) => isJson(member, depth + 1));
}

/** The kind of what came; for a value of the right kind, that its content does not fit. */
function describe(value: unknown, type: SqlType): string {
  const kind = kindOf(value);
  const rightKind =
    (kind === "integer" && type.kind === "integer") ||
    (kind === "bigint" && type.kind === "integer" && type.bits === 64) ||
    (kind === "string" && ["decimal", "uuid", "date", "time"].includes(type.kind)) ||
    (kind === "Date" && type.kind === "timestamp" && type.precision <= 3);
  return rightKind ? `${kind} that does not fit` : kind;
}
