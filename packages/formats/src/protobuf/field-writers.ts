import { type Column, ConnectorError, kindOf, printSqlType, type SqlType } from "@x/connector-api";
import type { Field, Type } from "protobufjs";
import { epochIn } from "../avro/logical-values.js";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { compileFields } from "../json/compile-fields.js";
import { isDate, isTime, isUuid } from "../values/calendar.js";
import { formatDecimal } from "../values/decimal.js";
import { integerRange } from "../values/integer-range.js";
import { timestampUnit } from "../values/timestamp.js";
import { createJsonElementWriter, createJsonWriter } from "./json-writers.js";
import type { ProtobufLibrary } from "./load-schema.js";
import { enumOf, intTypes, isWrapper, longOf, longTypes, messageOf, TIMESTAMP } from "./wire-values.js";

type Writer = (value: unknown) => unknown;

const ranges: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

/**
 * Compiles the writer of a message. Null is a field that is not written. SCHEMA_INVALID naming the column for a field
 * that is not there or cannot hold the column, and for a required field without a NOT NULL column.
 */
export function compileMessageWriter(
  type: Type,
  columns: readonly Column[],
  library: ProtobufLibrary,
): (row: object) => object {
  const fieldOf = ({ name }: Column): Field => {
    const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
    if (field !== undefined) return field.resolve() as Field;
    const names = Object.keys(type.fields).map((one) => `"${one}"`);
    throw unfit(name, `message ${type.name} has no such field; it has ${names.join(", ") || "none"}`);
  };
  for (const field of type.fieldsArray) {
    const column = columns.find((one) => one.name === field.name);
    if (field.required && column?.nullable !== false)
      throw unfit(field.name, "the field is required; it needs a NOT NULL column");
  }
  return compileFields(
    columns,
    (column) => createColumnWriter(fieldOf(column), column, library),
    (fields) => {
      const values = fields.map(({ value }, i) => `v${i} = ${value}`).join(", ");
      const entries = fields.map(({ key, call, column }, i) => {
        return `${key}: ${shortcutOf(fieldOf(column), column.type, `v${i}`)}${call}(v${i})`;
      });
      return `${values && `const ${values};`} return { ${entries} };`;
    },
  ) as (row: object) => object;
}

function shortcutOf(field: Field, type: SqlType, v: string): string {
  if (field.repeated || field.map || field.resolvedType !== null) return "";
  if (field.type === "double" && type.kind === "float") return `typeof ${v} === "number" ? ${v} : `;
  if (field.type === "string" && type.kind === "text")
    return `typeof ${v} === "string" && ${v}.isWellFormed() ? ${v} : `;
  const isInt = type.kind === "integer" && !type.unsigned;
  if (isInt && ["int32", "sint32", "sfixed32"].includes(field.type) && type.bits === 32)
    return `(${v} | 0) === ${v} ? ${v} : `;
  if (isInt && ["int64", "sint64", "sfixed64"].includes(field.type) && type.bits === 64)
    return `Number.isSafeInteger(${v}) ? ${v} : `;
  return "";
}

function createColumnWriter(field: Field, column: Column, library: ProtobufLibrary): Writer {
  const { name, nullable, type } = column;
  const write = createFieldWriter(field, type, library, name);
  const expected = `${printSqlType(type)} NOT NULL`;
  return (value) => {
    try {
      if (value !== null && value !== undefined) return write(value);
      if (nullable) return undefined;
      throw new BadValue(expected, kindOf(value));
    } catch (error) {
      throw withinField(name, error);
    }
  };
}

function createFieldWriter(field: Field, type: SqlType, library: ProtobufLibrary, path: string): Writer {
  if (type.kind === "json") return createJsonWriter(field, library);
  if (field.map) throw unfit(path, "a Protobuf map is written from JSON");
  const isArray = type.kind === "array";
  if (field.repeated !== isArray) {
    throw unfit(path, `${printSqlType(type)} and ${field.repeated ? "a repeated field" : "a single field"} do not fit`);
  }
  const valueType = isArray ? type.element : type;
  const isJson = valueType.kind === "json";
  const write = isJson ? createJsonElementWriter(field, library) : writerOf(field, valueType, library, path);
  if (write === undefined) throw unfit(path, `${printSqlType(valueType)} cannot be written as Protobuf ${field.type}`);
  if (!isArray) return write;
  return (value) => {
    if (!Array.isArray(value)) throw new BadValue(printSqlType(type), kindOf(value));
    return value.map((element: unknown, i) => {
      try {
        if ((element !== null && element !== undefined) || isJson) return write(element ?? null);
        throw new BadValue("an element that is not null, which Protobuf cannot hold", "null");
      } catch (error) {
        throw withinElement(i, error);
      }
    });
  };
}

function writerOf(field: Field, type: SqlType, library: ProtobufLibrary, path: string): Writer | undefined {
  const expected = printSqlType(type);
  const message = messageOf(field);
  if (message !== undefined) {
    if (message.fullName === TIMESTAMP && type.kind === "timestamp") return timestampWriter(type.precision, expected);
    if (isWrapper(message) && type.kind !== "struct") {
      const write = writerOf((message.fieldsArray[0] as Field).resolve() as Field, type, library, path);
      return write && ((value) => ({ value: write(value) }));
    }
    if (type.kind === "text" && message.fullName.startsWith(".google.protobuf."))
      return field.repeated ? createJsonElementWriter(field, library) : createJsonWriter(field, library);
    if (type.kind !== "struct") return undefined;
    const write = compileMessageWriter(message, type.fields, library);
    return (value) => {
      if (kindOf(value) === "object") return write(value as object);
      throw new BadValue(expected, kindOf(value));
    };
  }
  const symbols = enumOf(field);
  switch (type.kind) {
    case "boolean":
      return field.type === "bool" ? typed("boolean", expected) : undefined;
    case "integer":
      return integerWriter(symbols === undefined ? field.type : "int32", type, expected);
    case "float":
      return field.type === "double" || (field.type === "float" && type.bits === 32)
        ? typed("number", expected)
        : undefined;
    case "decimal":
      if (field.type !== "string") return undefined;
      return (value) => {
        const text = typeof value === "string" ? formatDecimal(value, type.precision, type.scale) : undefined;
        if (text !== undefined) return text;
        throw new BadValue(`${expected} as a string`, kindOf(value));
      };
    case "text":
      if (symbols === undefined)
        return field.type === "string" ? text(isWellFormed, "Unicode text", expected) : undefined;
      return (value) => {
        if (typeof value !== "string") throw new BadValue(expected, kindOf(value));
        if (Object.hasOwn(symbols.values, value)) return symbols.values[value];
        const number = /^-?\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
        if ((number | 0) === number) return number;
        throw new BadValue("a name of the Protobuf enum, or its number", "string that is none");
      };
    case "uuid":
      if (field.type === "bytes")
        return (value) => Buffer.from(text(isUuid, "a UUID", expected)(value).replaceAll("-", ""), "hex");
      return field.type === "string" ? text(isUuid, "a UUID", expected) : undefined;
    case "bytes":
      if (field.type !== "bytes") return undefined;
      return (value) => {
        if (value instanceof Uint8Array) return value;
        throw new BadValue(expected, kindOf(value));
      };
    case "date":
      return field.type === "string" ? text(isDate, "a date YYYY-MM-DD", expected) : undefined;
    case "time":
      return field.type === "string" ? text(isTime, "a time HH:MM:SS", expected) : undefined;
    default:
      return undefined;
  }
}

function integerWriter(wire: string, type: SqlType & { kind: "integer" }, expected: string): Writer | undefined {
  const range = ranges[wire];
  if (range === undefined || (!intTypes.includes(wire) && !longTypes.includes(wire))) return undefined;
  const own = integerRange(type);
  const [min, max] = range;
  return (value) => {
    if (typeof value !== "bigint" && !Number.isSafeInteger(value)) throw new BadValue(expected, kindOf(value));
    const integer = value as number | bigint;
    if (integer < min || integer > max || integer < own.min || integer > own.max)
      throw new BadValue(`${expected} in the range of ${wire}`, "number out of range");
    return longTypes.includes(wire) ? longOf(integer) : Number(integer);
  };
}

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z. */
const firstNanos = -62_135_596_800_000_000_000n;
const lastNanos = 253_402_300_799_999_999_999n;

function timestampWriter(precision: number, expected: string): Writer {
  const from = timestampUnit(precision);
  const convert = epochIn(from, "ns");
  return (value) => {
    if (from === "ms" ? !(value instanceof Date) : typeof value !== "bigint")
      throw new BadValue(expected, kindOf(value));
    const time = convert(value as Date | bigint);
    if (time === undefined || time < firstNanos || time > lastNanos)
      throw new BadValue(`${expected} in the years 1 to 9999, as google.protobuf.Timestamp is`, "another time");
    const nanos = ((time % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    return { seconds: longOf((time - nanos) / 1_000_000_000n), nanos: Number(nanos) };
  };
}

function typed(kind: "boolean" | "number", expected: string): Writer {
  return (value) => {
    if (typeof value === kind) return value;
    throw new BadValue(expected, kindOf(value));
  };
}

/** ECMA-2024; in Node since 20. */
const isWellFormed = (value: string): boolean => (value as unknown as { isWellFormed(): boolean }).isWellFormed();

function text(isValid: (text: string) => boolean, what: string, expected: string): (value: unknown) => string {
  return (value) => {
    if (typeof value !== "string") throw new BadValue(expected, kindOf(value));
    if (isValid(value)) return value;
    throw new BadValue(expected, `string that is not ${what}`);
  };
}

function unfit(path: string, message: string): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", `column "${path}": ${message}`, { context: { column: path } });
}
