import { type Column, kindOf, printSqlType, type RowValue, type SqlType } from "@x/connector-api";
import { decimalText } from "../avro/logical-values.js";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { isDate, isTime, isUuid } from "../values/calendar.js";
import { exactInteger, formatDecimal, formatShortDecimal } from "../values/decimal.js";
import { integerRange } from "../values/integer-range.js";
import { fromEpochMs, parseRfc3339, timestampUnit } from "../values/timestamp.js";
import { compileFields } from "./compile-fields.js";
import { ExactNumber, needsExact } from "./exact-numbers.js";
import { readJson } from "./json-value.js";

/** One parsed JSON value to one row value; throws BadValue, or {@link needsExact}. */
export type ValueReader = (value: unknown) => RowValue;

/** Reads the field of a column: a missing key and `null` give null, or are bad data when the column is NOT NULL. */
function createColumnReader(column: Column, decimals: DecimalText): ValueReader {
  const { name, nullable } = column;
  const read = createValueReader(column.type, decimals);
  const expected = `${printSqlType(column.type)} NOT NULL`;
  return (value) => {
    try {
      if (value !== null && value !== undefined) return read(value);
      if (nullable) return null;
      throw new BadValue(expected, value === null ? "null" : "no such field");
    } catch (error) {
      throw withinField(name, error);
    }
  };
}

/** What a string in a DECIMAL column is: digits, or base64 of the unscaled integer in two's complement (Kafka Connect). */
export type DecimalText = "digits" | "bytes";

/** Compiles the reader of an object: the declared fields in declared order, and nothing else. */
export function compileReader(
  columns: readonly Column[],
  decimals: DecimalText = "digits",
): (document: object) => { [field: string]: RowValue } {
  const createField = (column: Column): ValueReader => createColumnReader(column, decimals);
  return compileFields(columns, createField, (fields) => {
    const values = fields.map(({ value }, i) => `v${i} = ${value}`).join(", ");
    // A computed key keeps `__proto__` an ordinary column.
    const entries = fields.map(({ key, call, column }, i) => {
      const shortcut = shortcutOf(column.type, `v${i}`);
      return `[${key}]: ${shortcut}${call}(v${i})`;
    });
    return `${values && `const ${values};`} return { ${entries} };`;
  });
}

/** Source that takes the usual value of a type at once and leaves everything else to the field's reader. */
function shortcutOf(type: SqlType, v: string): string {
  switch (type.kind) {
    case "boolean":
      return `${v} === true || ${v} === false ? ${v} : `;
    case "text":
      return `typeof ${v} === "string" ? ${v} : `;
    case "float":
      return type.bits === 64 ? `typeof ${v} === "number" && ${v} - ${v} === 0 ? ${v} : ` : "";
    case "integer":
      // Bitwise or, or adding 0, make -0 an ordinary 0.
      if (type.bits === 32 && !type.unsigned) return `typeof ${v} === "number" && (${v} | 0) === ${v} ? ${v} | 0 : `;
      return type.bits === 64 && !type.unsigned ? `Number.isSafeInteger(${v}) ? ${v} + 0 : ` : "";
    default:
      return "";
  }
}

function createValueReader(type: SqlType, decimals: DecimalText): ValueReader {
  const expected = printSqlType(type);
  const mismatch = (value: unknown): BadValue => new BadValue(expected, jsonKindOf(value));
  switch (type.kind) {
    case "boolean":
      return (value) => {
        if (typeof value === "boolean") return value;
        throw mismatch(value);
      };
    case "integer":
      return createIntegerReader(type, expected, mismatch);
    case "float": {
      const isFloat = type.bits === 64 ? Number.isFinite : (value: number) => Number.isFinite(Math.fround(value));
      return (value) => {
        const number = typeof value === "number" ? value : toDouble(value);
        if (number === undefined) throw mismatch(value);
        if (isFloat(number)) return number;
        throw new BadValue(expected, "number out of range");
      };
    }
    case "decimal": {
      const { precision, scale } = type;
      return (value) => {
        if (typeof value === "number") {
          const decimal = formatShortDecimal(value, precision, scale);
          if (decimal !== undefined) return decimal;
        }
        const given = typeof value === "string" ? value : numberText(value);
        const isBytes = decimals === "bytes" && typeof value === "string";
        const text = isBytes ? unscaledText(value, scale) : given;
        if (text === undefined) throw mismatch(value);
        const decimal = formatDecimal(text, precision, scale);
        if (decimal !== undefined) return decimal;
        throw new BadValue(expected, `${jsonKindOf(value)} that does not fit`);
      };
    }
    case "text":
      return (value) => {
        if (typeof value === "string") return value;
        throw mismatch(value);
      };
    case "uuid":
      return createTextReader(isUuid, "a UUID", expected, mismatch);
    case "date":
      return createTextReader(isDate, "a date YYYY-MM-DD", expected, mismatch);
    case "time":
      return createTextReader(isTime, "a time HH:MM:SS", expected, mismatch);
    case "bytes":
      return (value) => {
        if (typeof value !== "string") throw mismatch(value);
        const bytes = Buffer.from(value, "base64");
        if (bytes.toString("base64") === value) return new Uint8Array(bytes);
        throw new BadValue(`${expected} in base64`, "string that is no base64");
      };
    case "timestamp":
      return createTimestampReader(type.precision, expected);
    case "json":
      return (value) => readJson(value, expected);
    case "array": {
      const read = createValueReader(type.element, decimals);
      return (value) => {
        if (!Array.isArray(value)) throw mismatch(value);
        return value.map((element, i) => {
          try {
            return element === null ? null : read(element);
          } catch (error) {
            throw withinElement(i, error);
          }
        });
      };
    }
    case "struct": {
      const read = compileReader(type.fields, decimals);
      return (value) => {
        if (typeof value !== "object" || Array.isArray(value) || value instanceof ExactNumber) throw mismatch(value);
        return read(value as object);
      };
    }
  }
}

/** The digits of a DECIMAL in base64; what is no base64 gives a text that no DECIMAL is. */
function unscaledText(value: string, scale: number): string {
  const bytes = Buffer.from(value, "base64");
  return bytes.length > 0 && bytes.length <= 32 && bytes.toString("base64") === value ? decimalText(bytes, scale) : "";
}

type Mismatch = (value: unknown) => BadValue;

function createIntegerReader(type: SqlType & { kind: "integer" }, expected: string, mismatch: Mismatch): ValueReader {
  const { min, max } = integerRange(type);
  const low = Number(min);
  const high = Number(max);
  const readExact = (value: unknown): RowValue => {
    if (typeof value !== "number" && typeof value !== "bigint" && !(value instanceof ExactNumber))
      throw mismatch(value);
    if (typeof value === "number" && Number.isInteger(value) && value >= low && value <= high) throw needsExact;
    const text = value instanceof ExactNumber ? value.text : String(value);
    const integer = exactInteger(text);
    if (integer === undefined) throw new BadValue(expected, "number with a fraction, or out of range");
    if (integer < min || integer > max) throw new BadValue(expected, "number out of range");
    const number = Number(integer);
    return Number.isSafeInteger(number) ? number : integer;
  };
  // Adding 0 makes -0 an ordinary 0.
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high
      ? (value as number) + 0
      : readExact(value);
}

function createTextReader(
  isValid: (text: string) => boolean,
  what: string,
  expected: string,
  mismatch: Mismatch,
): ValueReader {
  return (value) => {
    if (typeof value !== "string") throw mismatch(value);
    if (isValid(value)) return value;
    throw new BadValue(expected, `string that is not ${what}`);
  };
}

function createTimestampReader(precision: number, type: string): ValueReader {
  const unit = timestampUnit(precision);
  const expected = `${type} as RFC 3339 text or milliseconds since the epoch`;
  return (value) => {
    const number = toDouble(value);
    const time =
      typeof value === "string"
        ? parseRfc3339(value, unit)
        : number === undefined
          ? undefined
          : fromEpochMs(number, unit);
    if (time !== undefined) return time;
    const unfit = typeof value === "string" ? "string that is not RFC 3339" : "number that is no such time";
    throw new BadValue(expected, typeof value === "string" || number !== undefined ? unfit : jsonKindOf(value));
  };
}

/** The nearest double of a number in either form; undefined when the value is no number. */
function toDouble(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return value instanceof ExactNumber ? Number(value.text) : undefined;
}

/** The digits of a number in either form; undefined when the value is no number. */
function numberText(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return value instanceof ExactNumber ? value.text : undefined;
}

function jsonKindOf(value: unknown): string {
  return typeof value === "bigint" || value instanceof ExactNumber ? "number" : kindOf(value);
}
