import { type Column, ConnectorError, printSqlType, type RowValue, type SqlType } from "@x/connector-api";
import type { Field, Type } from "protobufjs";
import { epochOf, uuidText } from "../avro/logical-values.js";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { compileFields } from "../json/compile-fields.js";
import { isDate, isTime, isUuid } from "../values/calendar.js";
import { formatDecimal } from "../values/decimal.js";
import { integerRange } from "../values/integer-range.js";
import { timestampUnit } from "../values/timestamp.js";
import type { ProtobufJson } from "./json-readers.js";
import { enumOf, hasPresence, integerOf, intTypes, isWrapper, longTypes, messageOf, TIMESTAMP } from "./wire-values.js";

type Reader = (value: unknown) => RowValue;
type Message = { readonly [field: string]: unknown };

/**
 * Compiles the reader of a message: declared columns in declared order. A field that is not present is null; one
 * without presence, which the wire does not tell from its default, is its default. SCHEMA_INVALID naming the column for
 * a field that is not there or cannot become the column's type.
 */
export function compileMessageReader(
  type: Type,
  columns: readonly Column[],
  json: ProtobufJson,
): (message: object) => { [field: string]: RowValue } {
  const fieldOf = ({ name }: Column): Field => {
    const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
    if (field !== undefined) return field.resolve() as Field;
    const names = Object.keys(type.fields).map((one) => `"${one}"`);
    throw unfit(name, `message ${type.name} has no such field; it has ${names.join(", ") || "none"}`);
  };
  return compileFields(
    columns,
    (column) => createColumnReader(fieldOf(column), column, json),
    (fields) => {
      const entries = fields.map(({ key, call, column }) => {
        const field = fieldOf(column);
        const own = hasPresence(field) ? `Object.hasOwn(o, ${key}) ? ` : "";
        const absent = hasPresence(field) ? ` : ${column.nullable ? "null" : `${call}(null)`}` : "";
        const value = isAsItIs(field, column.type) ? `o[${key}]` : `${call}(o[${key}])`;
        return `[${key}]: ${own}${value}${absent}`;
      });
      return `return { ${entries.join(", ")} };`;
    },
  );
}

/** True when protobufjs gives exactly what the row holds. */
function isAsItIs(field: Field, type: SqlType): boolean {
  if (field.repeated || field.map || field.resolvedType !== null) return false;
  switch (type.kind) {
    case "boolean":
      return field.type === "bool";
    case "text":
      return field.type === "string";
    case "float":
      return type.bits === 64 ? field.type === "double" || field.type === "float" : field.type === "float";
    case "integer":
      return ["int32", "sint32", "sfixed32"].includes(field.type) && !type.unsigned && type.bits >= 32;
    default:
      return false;
  }
}

function createColumnReader(field: Field, column: Column, json: ProtobufJson): Reader {
  const { name, nullable, type } = column;
  const read = createFieldReader(field, type, json, name);
  const expected = `${printSqlType(type)} NOT NULL`;
  return (value) => {
    try {
      if (value !== null && value !== undefined) return read(value);
      if (nullable) return null;
      throw new BadValue(expected, "no such field");
    } catch (error) {
      throw withinField(name, error);
    }
  };
}

function createFieldReader(field: Field, type: SqlType, json: ProtobufJson, path: string): Reader {
  if (type.kind === "json") return json.field(field) as Reader;
  if (field.map) throw unfit(path, "a Protobuf map is read into JSON");
  const isArray = type.kind === "array";
  if (field.repeated !== isArray) {
    throw unfit(path, `${printSqlType(type)} and ${field.repeated ? "a repeated field" : "a single field"} do not fit`);
  }
  const valueType = isArray ? type.element : type;
  const read = valueType.kind === "json" ? (json.value(field) as Reader) : readerOf(field, valueType, json, path);
  if (read === undefined) throw unfit(path, `${printSqlType(valueType)} cannot hold Protobuf ${field.type}`);
  if (!isArray) return read;
  return (value) =>
    (value as unknown[]).map((element, i) => {
      try {
        return read(element);
      } catch (error) {
        throw withinElement(i, error);
      }
    });
}

/** The reader of one value; undefined when there is no way that loses nothing. */
function readerOf(field: Field, type: SqlType, json: ProtobufJson, path: string): Reader | undefined {
  const expected = printSqlType(type);
  const message = messageOf(field);
  const symbols = enumOf(field);
  if (message !== undefined) {
    if (message.fullName === TIMESTAMP && type.kind === "timestamp") return timestampReader(type.precision, expected);
    if (isWrapper(message) && type.kind !== "struct") {
      const inner = (message.fieldsArray[0] as Field).resolve() as Field;
      const read = readerOf(inner, type, json, path);
      return read && ((value) => read((value as Message).value));
    }
    if (type.kind === "text" && message.fullName.startsWith(".google.protobuf.")) {
      const read = json.message(message);
      return (value) => textOf(read(value as Message), expected);
    }
    return type.kind === "struct" ? (compileMessageReader(message, type.fields, json) as Reader) : undefined;
  }
  const isInt = intTypes.includes(field.type) || longTypes.includes(field.type);
  const unsigned = field.type.startsWith("u") || field.type.startsWith("fixed");
  switch (type.kind) {
    case "boolean":
      return field.type === "bool" ? (value) => value as boolean : undefined;
    case "integer": {
      if (!isInt && symbols === undefined) return undefined;
      const { min, max } = integerRange(type);
      return (value) => {
        const integer = integerOf(value, unsigned);
        if (integer >= min && integer <= max) return integer;
        throw new BadValue(expected, "number out of range");
      };
    }
    case "float":
      if (field.type === "float" || (field.type === "double" && type.bits === 64)) return (value) => value as number;
      return isInt ? (value) => Number(integerOf(value, unsigned)) : undefined;
    case "decimal":
      if (!isInt && field.type !== "string") return undefined;
      return (value) => {
        const text = typeof value === "string" ? value : String(integerOf(value, unsigned));
        const decimal = formatDecimal(text, type.precision, type.scale);
        if (decimal !== undefined) return decimal;
        throw new BadValue(expected, "a value that does not fit");
      };
    case "text":
      if (symbols !== undefined) return (value) => symbols.valuesById[value as number] ?? String(value);
      return field.type === "string" ? (value) => value as string : undefined;
    case "uuid":
      if (field.type === "string") return checked(isUuid, "a UUID", expected);
      if (field.type !== "bytes") return undefined;
      return (value) => {
        if ((value as Uint8Array).length === 16) return uuidText(value as Uint8Array);
        throw new BadValue(`${expected} of 16 bytes`, "bytes of another length");
      };
    case "bytes":
      return field.type === "bytes" ? (value) => new Uint8Array(value as Uint8Array) : undefined;
    case "date":
      return field.type === "string" ? checked(isDate, "a date YYYY-MM-DD", expected) : undefined;
    case "time":
      return field.type === "string" ? checked(isTime, "a time HH:MM:SS", expected) : undefined;
    default:
      return undefined;
  }
}

function timestampReader(precision: number, expected: string): Reader {
  const convert = epochOf("ns", timestampUnit(precision));
  return (value) => {
    const { seconds, nanos } = value as { seconds: unknown; nanos: number };
    if (nanos < 0 || nanos > 999_999_999)
      throw new BadValue(expected, "a time whose nanoseconds are no part of a second");
    const time = convert(BigInt(integerOf(seconds, false)) * 1_000_000_000n + BigInt(nanos));
    if (time !== undefined) return time;
    throw new BadValue(expected, "a time out of range");
  };
}

function checked(isValid: (text: string) => boolean, what: string, expected: string): Reader {
  return (value) => {
    if (isValid(value as string)) return value as string;
    throw new BadValue(expected, `string that is not ${what}`);
  };
}

function textOf(value: unknown, expected: string): string {
  if (typeof value === "string") return value;
  throw new BadValue(expected, "a message without a text form");
}

function unfit(path: string, message: string): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", `column "${path}": ${message}`, { context: { column: path } });
}
