import { type Column, kindOf, printSqlType, type SqlType } from "@x/connector-api";
import { decimalBytes } from "../avro/logical-values.js";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { isDate, isTime, isUuid } from "../values/calendar.js";
import { formatDecimal } from "../values/decimal.js";
import { integerRange } from "../values/integer-range.js";
import { createRfc3339Writer, timestampUnit } from "../values/timestamp.js";
import { compileWriter, type ValueWriter } from "./compile-writer.js";
import type { JsonBytes } from "./json-bytes.js";
import { writeJson } from "./json-value.js";

/** How values are written where JSON leaves a choice. */
export interface JsonWriting {
  readonly timestampFormat: "rfc3339" | "unix_millis";
  readonly decimalEncoding: "number" | "string" | "bytes";
}

/** One value without parts to JSON text; throws BadValue for a value that the column's type does not hold. */
type ScalarText = (value: unknown) => string;

/** Writes the value of a column; null, or nothing at all, as `null` where the column may be null. */
function createColumnWriter(column: Column, writing: JsonWriting): ValueWriter {
  const { name, nullable } = column;
  const write = createValueWriter(column.type, writing);
  const expected = `${printSqlType(column.type)} NOT NULL`;
  return (value, out) => {
    try {
      if (value !== null && value !== undefined) write(value, out);
      else if (nullable) out.text("null");
      else throw new BadValue(expected, kindOf(value));
    } catch (error) {
      throw withinField(name, error);
    }
  };
}

/** The writer of an object with these fields, and how each of their values is written. */
export function createRowWriter(
  columns: readonly Column[],
  writing: JsonWriting,
): (row: object, out: JsonBytes) => void {
  return compileWriter(columns, (column) => createColumnWriter(column, writing));
}

function createValueWriter(type: SqlType, writing: JsonWriting): ValueWriter {
  const expected = printSqlType(type);
  const mismatch = (value: unknown): BadValue => new BadValue(expected, kindOf(value));
  switch (type.kind) {
    case "text":
      return (value, out) => {
        if (typeof value !== "string") throw mismatch(value);
        out.string(value);
      };
    case "array": {
      const write = createValueWriter(type.element, writing);
      return (value, out) => {
        if (!Array.isArray(value)) throw mismatch(value);
        out.text("[");
        for (let i = 0; i < value.length; i++) {
          const element: unknown = value[i];
          if (i > 0) out.text(",");
          try {
            if (element === null || element === undefined) out.text("null");
            else write(element, out);
          } catch (error) {
            throw withinElement(i, error);
          }
        }
        out.text("]");
      };
    }
    case "struct": {
      const write = createRowWriter(type.fields, writing);
      return (value, out) => {
        if (kindOf(value) !== "object") throw mismatch(value);
        write(value as object, out);
      };
    }
    default: {
      const textOf = createScalarText(type, expected, writing);
      return (value, out) => out.text(textOf(value));
    }
  }
}

type ScalarType = Exclude<SqlType, { readonly kind: "text" | "array" | "struct" }>;

function createScalarText(type: ScalarType, expected: string, writing: JsonWriting): ScalarText {
  const mismatch = (value: unknown): BadValue => new BadValue(expected, kindOf(value));
  switch (type.kind) {
    case "boolean":
      return (value) => {
        if (typeof value === "boolean") return value ? "true" : "false";
        throw mismatch(value);
      };
    case "integer":
      return createIntegerWriter(type, expected);
    case "float": {
      const isFloat = type.bits === 64 ? Number.isFinite : (value: number) => Number.isFinite(Math.fround(value));
      return (value) => {
        if (typeof value !== "number") throw mismatch(value);
        if (isFloat(value)) return `${value}`;
        throw new BadValue(expected, "number that JSON or the type cannot hold");
      };
    }
    case "decimal": {
      const { precision, scale } = type;
      const whole = precision > scale ? `(0|[1-9]\\d{0,${precision - scale - 1}})` : "0";
      const usual = new RegExp(`^-?${whole}${scale === 0 ? "" : `\\.\\d{${scale}}`}$`);
      return (value) => {
        if (typeof value !== "string") throw new BadValue(`${expected} as a string`, kindOf(value));
        const decimal = usual.test(value) ? value : formatDecimal(value, precision, scale);
        if (decimal === undefined) throw new BadValue(expected, "string that does not fit");
        if (writing.decimalEncoding !== "bytes") return writing.decimalEncoding === "number" ? decimal : `"${decimal}"`;
        return `"${decimalBytes(BigInt(decimal.replace(".", "")))?.toString("base64")}"`;
      };
    }
    case "uuid":
      return createTextWriter(isUuid, "a UUID", expected);
    case "date":
      return createTextWriter(isDate, "a date YYYY-MM-DD", expected);
    case "time":
      return createTextWriter(isTime, "a time HH:MM:SS", expected);
    case "bytes":
      return (value) => {
        if (!(value instanceof Uint8Array)) throw mismatch(value);
        return `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")}"`;
      };
    case "timestamp":
      return createTimestampWriter(type.precision, expected, writing);
    case "json":
      return (value) => writeJson(value, expected);
  }
}

function createIntegerWriter(type: SqlType & { kind: "integer" }, expected: string): ScalarText {
  const { min, max } = integerRange(type);
  return (value) => {
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new BadValue(expected, "number with a fraction, or beyond 2^53 and not a bigint");
    }
    if (typeof value !== "number" && typeof value !== "bigint") throw new BadValue(expected, kindOf(value));
    if (value >= min && value <= max) return `${value}`;
    throw new BadValue(expected, `${kindOf(value)} out of range`);
  };
}

function createTextWriter(isValid: (text: string) => boolean, what: string, expected: string): ScalarText {
  return (value) => {
    if (typeof value !== "string") throw new BadValue(expected, kindOf(value));
    if (isValid(value)) return `"${value}"`;
    throw new BadValue(expected, `string that is not ${what}`);
  };
}

function createTimestampWriter(precision: number, type: string, writing: JsonWriting): ScalarText {
  const unit = timestampUnit(precision);
  const writeText = createRfc3339Writer(unit);
  const expected = unit === "ms" ? `${type} as a Date` : `${type} as a bigint`;
  return (value) => {
    if (unit === "ms" ? !(value instanceof Date) : typeof value !== "bigint") {
      throw new BadValue(expected, kindOf(value));
    }
    const time = value as Date | bigint;
    if (writing.timestampFormat === "unix_millis") {
      const ms = (time as Date).getTime();
      if (!Number.isNaN(ms)) return `${ms}`;
    } else {
      const text = writeText(time);
      if (text !== undefined) return `"${text}"`;
    }
    throw new BadValue(expected, "a time that cannot be written");
  };
}
