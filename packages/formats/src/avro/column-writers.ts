import { type Column, ConnectorError, kindOf, printSqlType, type SqlType } from "@x/connector-api";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { compileFields } from "../json/compile-fields.js";
import { isDate, isTime, isUuid } from "../values/calendar.js";
import { formatDecimal } from "../values/decimal.js";
import { integerRange } from "../values/integer-range.js";
import { timestampUnit } from "../values/timestamp.js";
import { checked, createToLong, fitting, longestPlain, typed, wellFormed } from "./checked-values.js";
import { compileDefault } from "./default-values.js";
import { createJsonWriter } from "./json-writers.js";
import {
  daysOf,
  decimalBytes,
  durationBytes,
  epochIn,
  microsIn,
  timestampLogicals,
  uuidBytes,
} from "./logical-values.js";
import {
  type AvroField,
  type AvroNode,
  type AvroRecord,
  branchName,
  isNullable,
  nullableBranch,
} from "./schema-model.js";

/** A row value that is not null to what avsc writes. Throws BadValue, and what {@link createToLong} throws. */
export type AvroWriter = (value: unknown) => unknown;

/** Compiles the writer of a record. SCHEMA_INVALID for a column that the record cannot hold, or a field without one. */
export function compileAvroWriter(
  record: AvroRecord,
  columns: readonly Column[],
  exact: boolean,
): (row: object) => object {
  const byName = new Map(columns.map((column) => [column.name, column]));
  const written = record.fields.flatMap((field) => {
    const column = byName.get(field.name);
    if (column !== undefined) return { column, field };
    if (field.default === undefined && !isNullable(field.node)) {
      throw unfit(field.name, `the Avro record "${record.name}" needs this field, and it has no default`);
    }
    return { column: { name: field.name, type: { kind: "json" as const }, nullable: true }, field };
  });
  const names = record.fields.map(({ name }) => name);
  for (const { name } of columns) {
    if (!names.includes(name)) {
      const has = names.map((one) => `"${one}"`).join(", ") || "none";
      throw unfit(name, `the Avro record "${record.name}" has no such field; it has ${has}`);
    }
  }
  const fields = new Map(written.map(({ column, field }) => [column, field]));
  const fieldOf = (column: Column): AvroField => fields.get(column) as AvroField;
  /** What is written of a field that is no column. */
  const fallbackOf = (field: AvroField): AvroWriter =>
    field.default === undefined ? () => null : compileDefault(field, exact);
  return compileFields(
    written.map(({ column }) => column),
    (column) => {
      const field = fieldOf(column);
      return byName.get(column.name) === column ? createColumnWriter(field.node, column, exact) : fallbackOf(field);
    },
    (fields) => {
      const values = fields.map(({ value }, i) => `v${i} = ${value}`).join(", ");
      const entries = fields.map(({ key, call, column }, i) => {
        return `${key}: ${shortcutOf(fieldOf(column).node, column, exact, `v${i}`)}${call}(v${i})`;
      });
      return `${values && `const ${values};`} return { ${entries} };`;
    },
  ) as (row: object) => object;
}

function shortcutOf(node: AvroNode, column: Column, exact: boolean, v: string): string {
  const inner = nullableBranch(node);
  if (inner !== undefined && column.nullable) {
    const taken = shortcutOf(inner, { ...column, nullable: false }, exact, v);
    return `${v} === null ? null : ${taken}`;
  }
  if (inner !== undefined || ("logical" in node && node.logical !== undefined)) return "";
  const { type } = column;
  if (node.kind === "double" && type.kind === "float") return `typeof ${v} === "number" ? ${v} : `;
  if (node.kind === "int" && type.kind === "integer" && type.bits === 32 && !type.unsigned)
    return `(${v} | 0) === ${v} ? ${v} : `;
  if (node.kind === "long" && type.kind === "integer" && type.bits === 64 && !type.unsigned && !exact)
    return `Number.isInteger(${v}) && ${v} <= ${longestPlain} && ${v} >= -${longestPlain} ? ${v} : `;
  if (node.kind === "string" && type.kind === "text")
    return `typeof ${v} === "string" && ${v}.isWellFormed() ? ${v} : `;
  return "";
}

function createColumnWriter(node: AvroNode, column: Column, exact: boolean): AvroWriter {
  const { name, nullable, type } = column;
  const write = createValueWriter(node, type, exact, name);
  const expected = printSqlType(type);
  if (nullable && !isNullable(node)) {
    throw unfit(
      name,
      `may be null, which the Avro field does not take; make the column NOT NULL, or the field a union`,
    );
  }
  return (value) => {
    try {
      if (value !== null && value !== undefined) return write(value);
      if (nullable) return null;
      throw new BadValue(`${expected} NOT NULL`, kindOf(value));
    } catch (error) {
      throw withinField(name, error);
    }
  };
}

function createValueWriter(node: AvroNode, type: SqlType, exact: boolean, path: string): AvroWriter {
  if (type.kind === "json") return createJsonWriter(node, exact);
  if (node.kind !== "union") {
    const write = writerOf(node, type, exact, path);
    if (write !== undefined) return write;
    throw unfit(path, `${printSqlType(type)} cannot be written as Avro ${describeNode(node)} without loss`);
  }
  const inner = nullableBranch(node);
  if (inner !== undefined) return createValueWriter(inner, type, exact, path);
  for (const branch of node.branches) {
    const write = branch.kind === "null" ? undefined : writerOf(branch, type, exact, path);
    if (write === undefined) continue;
    const key = branchName(branch);
    return (value) => ({ [key]: write(value) });
  }
  throw unfit(path, `${printSqlType(type)} fits no branch of the Avro union`);
}

/** The writer of a type into a node that is no union; undefined when some value of the type would not fit. */
function writerOf(node: AvroNode, type: SqlType, exact: boolean, path: string): AvroWriter | undefined {
  const expected = printSqlType(type);
  const logical = "logical" in node ? node.logical : undefined;
  const toLong = createToLong(exact);
  switch (type.kind) {
    case "boolean":
      return node.kind === "boolean" ? typed("boolean", expected) : undefined;
    case "integer": {
      if (logical?.name === "decimal" && logical.scale === 0) {
        const size = node.kind === "fixed" ? node.size : undefined;
        const check = integerCheck(type, expected);
        return (value) => fitting(decimalBytes(BigInt(check(value)), size), expected);
      }
      const narrow = type.bits < 32 || (type.bits === 32 && !type.unsigned);
      const check = integerCheck(type, expected);
      if (logical !== undefined || (type.unsigned && type.bits === 64)) return undefined;
      if (node.kind === "int") return narrow ? (value) => Number(check(value)) : undefined;
      if (node.kind === "long") return (value) => toLong(check(value));
      return node.kind === "double" && type.bits < 64 ? (value) => Number(check(value)) : undefined;
    }
    case "float":
      return node.kind === "double" || (node.kind === "float" && type.bits === 32)
        ? typed("number", expected)
        : undefined;
    case "decimal": {
      if (logical?.name !== "decimal") return undefined;
      const size = node.kind === "fixed" ? node.size : undefined;
      return (value) => {
        if (typeof value !== "string") throw new BadValue(`${expected} as a string`, kindOf(value));
        const text = formatDecimal(value, type.precision, type.scale);
        const scaled = text === undefined ? undefined : formatDecimal(text, logical.precision, logical.scale);
        const bytes = scaled === undefined ? undefined : decimalBytes(BigInt(scaled.replace(".", "")), size);
        return fitting(bytes, expected);
      };
    }
    case "text":
      if (logical?.name === "uuid" && node.kind === "string")
        return (value) => checked(value, isUuid, "a UUID, which the Avro field is", expected);
      if (node.kind === "string") return (value) => wellFormed(value, expected);
      if (node.kind !== "enum") return undefined;
      return (value) => {
        if (typeof value !== "string") throw new BadValue(expected, kindOf(value));
        if (node.symbols.includes(value)) return value;
        throw new BadValue("a symbol of the Avro enum", "string that is none");
      };
    case "uuid":
      if (node.kind === "string") return (value) => checked(value, isUuid, "a UUID", expected);
      if (logical?.name !== "uuid") return undefined;
      return (value) => uuidBytes(checked(value, isUuid, "a UUID", expected));
    case "bytes": {
      if (node.kind !== "bytes" && node.kind !== "fixed") return undefined;
      const size = node.kind === "fixed" ? node.size : undefined;
      return (value) => {
        if (!(value instanceof Uint8Array)) throw new BadValue(expected, kindOf(value));
        if (size !== undefined && value.length !== size) throw new BadValue(`${size} bytes`, `${value.length} bytes`);
        return Buffer.from(value.buffer, value.byteOffset, value.length);
      };
    }
    case "date":
      if (logical?.name !== "date") return undefined;
      return (value) => daysOf(checked(value, isDate, "a date YYYY-MM-DD", expected));
    case "time": {
      if (logical?.name !== "time-micros" && logical?.name !== "time-millis") return undefined;
      const unit = logical.name === "time-millis" ? "ms" : "us";
      return (value) => {
        const time = microsIn(checked(value, isTime, "a time HH:MM:SS", expected), unit);
        if (time !== undefined) return unit === "ms" ? time : toLong(time);
        throw new BadValue(`${expected} of at most ${unit === "ms" ? "milli" : "micro"}seconds`, "finer digits");
      };
    }
    case "timestamp": {
      const to = timestampLogicals[logical?.name ?? ""];
      const from = timestampUnit(type.precision);
      if (to === undefined || ["ms", "us", "ns"].indexOf(to) < ["ms", "us", "ns"].indexOf(from)) return undefined;
      const convert = epochIn(from, to);
      return (value) => {
        const isTime = from === "ms" ? value instanceof Date : typeof value === "bigint";
        if (!isTime) throw new BadValue(expected, kindOf(value));
        const epoch = fitting(convert(value as Date | bigint), expected);
        if (BigInt.asIntN(64, epoch) !== epoch) throw new BadValue(expected, "a time beyond 64 bits");
        return to === "ns" ? epoch : toLong(epoch);
      };
    }
    case "json":
      return createJsonWriter(node, exact);
    case "array": {
      if (node.kind !== "array") return undefined;
      const { items } = node;
      const takesNull = isNullable(items);
      const write = createValueWriter(items, type.element, exact, `${path}[]`);
      return (value) => {
        if (!Array.isArray(value)) throw new BadValue(expected, kindOf(value));
        return value.map((element: unknown, i) => {
          try {
            if (element !== null && element !== undefined) return write(element);
            if (takesNull) return null;
            throw new BadValue("an element that is not null, which the Avro items cannot hold", "null");
          } catch (error) {
            throw withinElement(i, error);
          }
        });
      };
    }
    case "struct": {
      if (logical?.name === "duration") return (value) => fitting(durationBytes(value), `${expected} as a duration`);
      if (node.kind !== "record") return undefined;
      const write = compileAvroWriter(node, type.fields, exact);
      return (value) => {
        if (kindOf(value) === "object") return write(value as object);
        throw new BadValue(expected, kindOf(value));
      };
    }
  }
}

function integerCheck(type: SqlType & { kind: "integer" }, expected: string): (value: unknown) => number | bigint {
  const { min, max } = integerRange(type);
  return (value) => {
    if (typeof value !== "bigint" && !Number.isInteger(value)) throw new BadValue(expected, kindOf(value));
    if (typeof value === "number" && !Number.isSafeInteger(value))
      throw new BadValue(expected, "number beyond 2^53 and not a bigint");
    if ((value as number) >= min && (value as number) <= max) return value as number | bigint;
    throw new BadValue(expected, `${kindOf(value)} out of range`);
  };
}

function describeNode(node: AvroNode): string {
  const logical = "logical" in node ? node.logical : undefined;
  return logical === undefined ? node.kind : `${node.kind} (${logical.name})`;
}

function unfit(path: string, message: string): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", `column "${path}": ${message}`, { context: { column: path } });
}
