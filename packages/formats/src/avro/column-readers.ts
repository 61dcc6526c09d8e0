import { type Column, ConnectorError, printSqlType, type RowValue, type SqlType } from "@x/connector-api";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { compileFields } from "../json/compile-fields.js";
import { needsExact } from "../json/exact-numbers.js";
import { readJsonText } from "../json/json-document.js";
import { isUuid } from "../values/calendar.js";
import { formatDecimal } from "../values/decimal.js";
import { integerRange } from "../values/integer-range.js";
import { timestampUnit } from "../values/timestamp.js";
import { createJsonReader } from "./json-readers.js";
import {
  dateText,
  decimalText,
  durationOf,
  epochOf,
  microsText,
  timestampLogicals,
  uuidText,
} from "./logical-values.js";
import { type AvroNode, type AvroRecord, branchName, nullableBranch } from "./schema-model.js";

/** One value as avsc gives it to one row value. Throws BadValue, or {@link needsExact} for text with U+FFFD. */
export type AvroReader = (value: unknown) => RowValue;

/**
 * Where values come from: `exact` ones are longs as bigint and text that was checked. `missing` says what a nullable
 * column without a field is: a mistake (a schema the user gave), or null (a writer's older schema).
 */
export interface AvroReading {
  readonly exact: boolean;
  readonly missing: "refuse" | "null";
}

/**
 * Compiles the reader of a record: declared columns in declared order. SCHEMA_INVALID naming the column for a field
 * that is not there or can never become the column's type.
 */
export function compileAvroReader(
  record: AvroRecord,
  columns: readonly Column[],
  reading: AvroReading,
): (value: object) => { [field: string]: RowValue } {
  const nodes = new Map(record.fields.map((field) => [field.name, field.node]));
  const nodeOf = (column: Column): AvroNode => {
    const node = nodes.get(column.name);
    if (node !== undefined) return node;
    if (reading.missing === "null" && column.nullable) return { kind: "null" };
    const names = record.fields.map((field) => `"${field.name}"`).join(", ");
    throw unfit(column.name, `the Avro record "${record.name}" has no such field; it has ${names || "none"}`);
  };
  return compileFields(
    columns,
    (column) => createColumnReader(nodeOf(column), column, reading),
    (fields) => {
      const values = fields.map(({ value }, i) => `v${i} = ${value}`).join(", ");
      const entries = fields.map(({ key, call, column }, i) => {
        const taken = shortcutOf(nodeOf(column), column, reading, `v${i}`);
        return `[${key}]: ${taken}${call}(v${i})`;
      });
      return `${values && `const ${values};`} return { ${entries} };`;
    },
  );
}

/** Source that takes the usual value at once: avsc has checked it against the schema, so little is left to ask. */
function shortcutOf(node: AvroNode, column: Column, reading: AvroReading, v: string): string {
  const inner = nullableBranch(node);
  if (inner !== undefined && column.nullable) {
    return `${v} === null ? null : ${shortcutOf(inner, { ...column, nullable: false }, reading, v)}`;
  }
  if ("logical" in node && node.logical !== undefined) return "";
  const { type } = column;
  if (node.kind === "boolean" && type.kind === "boolean") return `typeof ${v} === "boolean" ? ${v} : `;
  if (node.kind === "double" && type.kind === "float" && type.bits === 64) return `typeof ${v} === "number" ? ${v} : `;
  if (node.kind === "int" && type.kind === "integer" && type.bits === 32 && !type.unsigned)
    return `(${v} | 0) === ${v} ? ${v} : `;
  if ((node.kind === "int" || node.kind === "long") && type.kind === "integer" && type.bits === 64 && !type.unsigned)
    return `typeof ${v} === "number" ? ${v} : `;
  if (node.kind === "string" && type.kind === "text")
    return reading.exact
      ? `typeof ${v} === "string" ? ${v} : `
      : `typeof ${v} === "string" && !${v}.includes("\\ufffd") ? ${v} : `;
  return "";
}

function createColumnReader(node: AvroNode, column: Column, reading: AvroReading): AvroReader {
  const { name, nullable, type } = column;
  const read = createValueReader(node, type, reading, name);
  const expected = `${printSqlType(type)} NOT NULL`;
  return (value) => {
    try {
      const found = value === null || value === undefined ? null : read(value);
      if (found !== null || nullable) return found;
      throw new BadValue(expected, "null");
    } catch (error) {
      throw withinField(name, error);
    }
  };
}

function createValueReader(node: AvroNode, type: SqlType, reading: AvroReading, path: string): AvroReader {
  if (node.kind === "union") return createUnionReader(node.branches, node, type, reading, path);
  if (node.kind === "null") return () => null;
  const reader = readerOf(node, type, reading, path);
  if (reader !== undefined) return reader;
  throw unfit(path, `${printSqlType(type)} cannot hold Avro ${describeNode(node)}`);
}

function createUnionReader(
  branches: readonly AvroNode[],
  node: AvroNode,
  type: SqlType,
  reading: AvroReading,
  path: string,
): AvroReader {
  const inner = nullableBranch(node);
  if (inner !== undefined) return createValueReader(inner, type, reading, path);
  const readers = new Map<string, AvroReader | undefined>();
  for (const branch of branches) {
    const reader = branch.kind === "null" ? () => null : readerOf(branch, type, reading, path);
    readers.set(branchName(branch), reader);
  }
  if (![...readers.values()].some((reader) => reader !== undefined)) {
    throw unfit(path, `${printSqlType(type)} cannot hold any branch of the Avro ${describeNode(node)}`);
  }
  const expected = printSqlType(type);
  return (value) => {
    for (const branch in value as object) {
      const reader = readers.get(branch);
      if (reader !== undefined) return reader((value as { [name: string]: unknown })[branch]);
      throw new BadValue(expected, `the union's branch "${branch}"`);
    }
    return null;
  };
}

/** The reader from a node that is no union to a type; undefined when there is no way that loses nothing. */
function readerOf(node: AvroNode, type: SqlType, reading: AvroReading, path: string): AvroReader | undefined {
  const expected = printSqlType(type);
  const logical = "logical" in node ? node.logical : undefined;
  switch (type.kind) {
    case "boolean":
      return node.kind === "boolean" ? (value) => value as boolean : undefined;
    case "integer": {
      const scale = logical?.name === "decimal" ? logical.scale : undefined;
      if (scale === 0) {
        return createIntegerReader(type, expected, (value) => BigInt(decimalText(value as Uint8Array, 0)));
      }
      return (node.kind === "int" || node.kind === "long") && logical === undefined
        ? createIntegerReader(type, expected, (value) => BigInt(value as number | bigint))
        : undefined;
    }
    case "float":
      if (!["float", "double", "int", "long"].includes(node.kind) || logical !== undefined) return undefined;
      return (value) => {
        const number = Number(value);
        if (type.bits === 64 || node.kind === "float" || !Number.isFinite(number)) return number;
        if (Number.isFinite(Math.fround(number))) return number;
        throw new BadValue(expected, "number out of range");
      };
    case "decimal": {
      const isDecimal = logical?.name === "decimal";
      const scale = isDecimal ? logical.scale : 0;
      if (!isDecimal && ((node.kind !== "int" && node.kind !== "long") || logical !== undefined)) return undefined;
      return (value) => {
        const text = isDecimal ? decimalText(value as Uint8Array, scale) : String(value);
        const decimal = formatDecimal(text, type.precision, type.scale);
        if (decimal !== undefined) return decimal;
        throw new BadValue(expected, "decimal that does not fit");
      };
    }
    case "text":
      if (node.kind === "enum") return (value) => value as string;
      return node.kind === "string" ? (value) => checkedText(value, reading) : undefined;
    case "uuid":
      if (node.kind === "fixed" && logical?.name === "uuid") return (value) => uuidText(value as Uint8Array);
      if (node.kind !== "string") return undefined;
      return (value) => {
        const text = checkedText(value, reading);
        if (isUuid(text)) return text;
        throw new BadValue(expected, "string that is not a UUID");
      };
    case "bytes":
      return node.kind === "bytes" || node.kind === "fixed"
        ? (value) => new Uint8Array(value as Uint8Array)
        : undefined;
    case "date":
      if (logical?.name !== "date") return undefined;
      return (value) => taken(dateText(value as number), expected);
    case "time":
      if (logical?.name === "time-millis") return (value) => taken(microsText((value as number) * 1000, 3), expected);
      if (logical?.name === "time-micros") return (value) => taken(microsText(Number(value), 6), expected);
      return undefined;
    case "timestamp": {
      const from = timestampLogicals[logical?.name ?? ""];
      if (from === undefined) return undefined;
      const convert = epochOf(from, timestampUnit(type.precision));
      return (value) => taken(convert(value as number | bigint), expected);
    }
    case "json": {
      if (logical?.name === "json") return (value) => readJsonText(checkedText(value, reading), expected);
      return createJsonReader(node, reading.exact) as AvroReader;
    }
    case "array": {
      if (node.kind !== "array") return undefined;
      const read = createValueReader(node.items, type.element, reading, `${path}[]`);
      return (value) =>
        (value as unknown[]).map((element, i) => {
          try {
            return element === null ? null : read(element);
          } catch (error) {
            throw withinElement(i, error);
          }
        });
    }
    case "struct":
      if (logical?.name === "duration") return durationReader(type.fields, path);
      return node.kind === "record"
        ? (compileAvroReader(node, type.fields, reading) as (value: unknown) => RowValue)
        : undefined;
  }
}

function durationReader(fields: readonly Column[], path: string): AvroReader {
  const parts = ["months", "days", "millis"];
  const isPart = ({ name, type }: Column): boolean =>
    parts.includes(name) && type.kind === "integer" && (type.bits === 64 || (type.bits === 32 && type.unsigned));
  if (!fields.every(isPart)) throw unfit(path, "a duration is STRUCT<months BIGINT, days BIGINT, millis BIGINT>");
  return (value) => {
    const duration = durationOf(value as Uint8Array);
    return Object.fromEntries(fields.map(({ name }) => [name, duration[name as keyof typeof duration]]));
  };
}

function createIntegerReader(
  type: SqlType & { kind: "integer" },
  expected: string,
  toBigInt: (value: unknown) => bigint,
): AvroReader {
  const { min, max } = integerRange(type);
  const low = Number(min);
  const high = Number(max);
  return (value) => {
    if (Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high) return value as number;
    const integer = toBigInt(value);
    if (integer < min || integer > max) throw new BadValue(expected, "number out of range");
    const number = Number(integer);
    return Number.isSafeInteger(number) ? number : integer;
  };
}

/** Text that avsc read: U+FFFD in it may be what the sender wrote, or what stands for bytes that are no UTF-8. */
function checkedText(value: unknown, { exact }: AvroReading): string {
  if (!exact && (value as string).includes("\ufffd")) throw needsExact;
  return value as string;
}

function taken<T>(value: T | undefined, expected: string): T {
  if (value !== undefined) return value;
  throw new BadValue(expected, "number out of range");
}

function describeNode(node: AvroNode): string {
  const logical = "logical" in node ? node.logical : undefined;
  return logical === undefined ? node.kind : `${node.kind} (${logical.name})`;
}

function unfit(path: string, message: string): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", `column "${path}": ${message}`, { context: { column: path } });
}
