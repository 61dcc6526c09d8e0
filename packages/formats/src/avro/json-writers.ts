import { isDeepStrictEqual } from "node:util";
import { kindOf } from "@x/connector-api";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { writeJson } from "../json/json-value.js";
import { isDate, isTime, isUuid } from "../values/calendar.js";
import { formatDecimal } from "../values/decimal.js";
import { parseRfc3339 } from "../values/timestamp.js";
import { checked, createToLong, fitting, typed, wellFormed } from "./checked-values.js";
import { compileDefault } from "./default-values.js";
import { createJsonReader } from "./json-readers.js";
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
  type AvroLogical,
  type AvroNode,
  type AvroRecord,
  branchName,
  isNullable,
  nullableBranch,
} from "./schema-model.js";

/** A JSON value to what avsc writes. Throws BadValue, and what {@link createToLong} throws. */
export type JsonWriter = (value: unknown) => unknown;

/**
 * Compiles the way of JSON into any Avro value. What `createJsonReader` gave comes back equal: in a union the first
 * branch that is read as the very same JSON, else the first that takes the value, such as a time with other digits; a
 * float only after all others, because it rounds. A record takes no key that is not a field, so that none is lost.
 */
export function createJsonWriter(node: AvroNode, exact: boolean): JsonWriter {
  return new JsonWriters(exact, new JsonWriters(exact)).of(node);
}

/** Digits of a second that a unit does not hold. */
const finer = { ms: /\.\d{3}\d*[1-9]/, us: /\.\d{6}\d*[1-9]/, ns: /\.\d{9}\d*[1-9]/ } as const;

class JsonWriters {
  readonly #known = new Map<AvroNode, JsonWriter>();
  readonly #exact: boolean;
  readonly #strict: JsonWriters | undefined;
  readonly #toLong: (value: bigint | number) => number | bigint;

  /** Without `strict` these are the strict ones themselves, which take only what is read back as it was. */
  constructor(exact: boolean, strict?: JsonWriters) {
    this.#exact = exact;
    this.#strict = strict;
    this.#toLong = createToLong(exact);
  }

  /** A writer per node, made once: a recursive schema meets its own writer again. */
  of(node: AvroNode): JsonWriter {
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    let write: JsonWriter | undefined;
    this.#known.set(node, (value) => (write as JsonWriter)(value));
    write = this.#strict === undefined ? this.#readBack(node, this.#create(node)) : this.#create(node);
    this.#known.set(node, write);
    return write;
  }

  /** Refuses what a single value would not be read back as; records, lists and unions are made of such. */
  #readBack(node: AvroNode, write: JsonWriter): JsonWriter {
    const refuse = (): never => {
      throw new BadValue("what is read back equal", "another text or number for it");
    };
    if (node.kind === "float") {
      return (value) => (typeof value === "number" && Math.fround(value) !== value ? refuse() : write(value));
    }
    if (node.kind === "string" || !("logical" in node) || node.logical === undefined) return write;
    const read = createJsonReader(node, this.#exact);
    return (value) => {
      const written = write(value);
      return isDeepStrictEqual(read(written), value) ? written : refuse();
    };
  }

  #create(node: AvroNode): JsonWriter {
    switch (node.kind) {
      case "null":
        return (value) => {
          if (value === null) return null;
          throw new BadValue("null", kindOf(value));
        };
      case "boolean":
        return typed("boolean", "a boolean");
      case "int":
      case "long":
        return this.#integerWriter(node.kind, node.logical?.name);
      case "float":
      case "double":
        return createFloatWriter(`a ${node.kind}`);
      case "string":
        if (node.logical?.name === "json") return (value) => wellFormed(writeJson(value, "JSON"), "JSON");
        if (node.logical?.name === "uuid") return (value) => checked(value, isUuid, "a UUID", "a UUID");
        return (value) => wellFormed(value, "a string");
      case "enum":
        return (value) => checked(value, (text) => node.symbols.includes(text), "a symbol of it", "the Avro enum");
      case "bytes":
      case "fixed":
        return createBytesWriter(node.kind === "fixed" ? node.size : undefined, node.logical);
      case "array": {
        const write = this.of(node.items);
        return (value) => {
          if (!Array.isArray(value)) throw new BadValue("an array", kindOf(value));
          return value.map((item, i) => within(i, () => write(item)));
        };
      }
      case "map": {
        const write = this.of(node.values);
        return (value) => {
          if (kindOf(value) !== "object") throw new BadValue("an object", kindOf(value));
          const entries = Object.entries(value as object);
          return Object.fromEntries(entries.map(([key, inner]) => [wellFormed(key, "a key"), write(inner)]));
        };
      }
      case "record":
        return this.#recordWriter(node);
      case "union":
        return this.#unionWriter(node, node.branches);
    }
  }

  #integerWriter(kind: "int" | "long", logical: AvroLogical["name"] | undefined): JsonWriter {
    const toLong = kind === "int" ? Number : this.#toLong;
    const unit = timestampLogicals[logical ?? ""];
    if (unit !== undefined) {
      const convert = epochIn(unit, unit);
      return (value) => {
        const isExact = typeof value === "string" && !finer[unit].test(value);
        const time = isExact ? parseRfc3339(value, unit) : undefined;
        const epoch = fitting(time === undefined ? undefined : convert(time), `a ${logical} as RFC 3339 text`);
        if (BigInt.asIntN(64, epoch) !== epoch) throw new BadValue(`a ${logical}`, "a time beyond 64 bits");
        return unit === "ns" ? epoch : toLong(epoch);
      };
    }
    if (logical === "date") return (value) => daysOf(checked(value, isDate, "a date YYYY-MM-DD", "a date"));
    if (logical === "time-millis" || logical === "time-micros") {
      const unit = logical === "time-millis" ? "ms" : "us";
      return (value) => toLong(fitting(microsIn(checked(value, isTime, "a time HH:MM:SS", "a time"), unit), "a time"));
    }
    const bits = kind === "int" ? 32 : 64;
    return (value) => {
      const isInteger = typeof value === "bigint" || Number.isSafeInteger(value);
      if (!isInteger) throw new BadValue(`an integer of ${bits} bits`, kindOf(value));
      const integer = BigInt(value as bigint | number);
      if (BigInt.asIntN(bits, integer) !== integer) throw new BadValue(`${bits} bits`, "number out of range");
      return toLong(integer);
    };
  }

  #recordWriter(node: AvroRecord): JsonWriter {
    const names = new Set(node.fields.map(({ name }) => name));
    const fields = node.fields.map((field) => {
      const fallback = field.default === undefined ? undefined : compileDefault(field, this.#exact);
      return { ...field, fallback, write: this.of(field.node) };
    });
    return (value) => {
      if (kindOf(value) !== "object") throw new BadValue(`the record "${node.name}"`, kindOf(value));
      const given = value as { readonly [name: string]: unknown };
      if (Object.keys(given).some((key) => !names.has(key)))
        throw new BadValue(`the fields of the record "${node.name}"`, "a key that is none of them");
      const record: { [name: string]: unknown } = {};
      for (const { name, node: type, fallback, write } of fields) {
        const isThere = Object.hasOwn(given, name);
        if (!isThere && this.#strict === undefined) throw withinField(name, new BadValue("a value", "no such field"));
        if (!isThere && fallback !== undefined) {
          record[name] = fallback();
          continue;
        }
        if (!isThere && !isNullable(type)) throw withinField(name, new BadValue("a value", "no such field"));
        try {
          record[name] = write(isThere ? given[name] : null);
        } catch (error) {
          throw withinField(name, error);
        }
      }
      return record;
    };
  }

  #unionWriter(node: AvroNode, branches: readonly AvroNode[]): JsonWriter {
    const inner = nullableBranch(node);
    if (inner !== undefined) {
      const write = this.of(inner);
      return (value) => (value === null ? null : write(value));
    }
    const strict = this.#strict?.of(node);
    const [floats, others] = [true, false].map((isFloat) =>
      branches.filter(({ kind }) => (kind === "float") === isFloat),
    );
    const writers = [...(others ?? []), ...(floats ?? [])].map((branch) => {
      return { key: branchName(branch), kind: branch.kind, takes: testOfBranch(branch), write: this.of(branch) };
    });
    return (value) => {
      if (value === null && writers.some(({ kind }) => kind === "null")) return null;
      const exactly = strict && attempt(strict, value);
      if (exactly !== undefined) return exactly;
      for (const { key, takes, write } of writers) {
        const written = takes(value) ? attempt(write, value) : undefined;
        if (written !== undefined) return { [key]: written };
      }
      throw new BadValue("a value of a branch of the Avro union", kindOf(value));
    };
  }
}

/** Undefined where the writer does not take the value. */
function attempt(write: JsonWriter, value: unknown): unknown {
  try {
    return write(value);
  } catch (error) {
    if (error instanceof BadValue) return undefined;
    throw error;
  }
}

/** In a union a decimal takes only the text that it is read as: a number, or other digits, is another branch's. */
function testOfBranch(branch: AvroNode): (value: unknown) => boolean {
  const logical = "logical" in branch ? branch.logical : undefined;
  if (logical?.name !== "decimal") return () => true;
  const { precision, scale } = logical;
  return (value) => typeof value === "string" && formatDecimal(value, precision, scale) === value;
}

function createFloatWriter(expected: string): JsonWriter {
  const write = typed("number", expected);
  return (value) => {
    if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
    if (typeof value !== "bigint") return write(value);
    if (BigInt(Number(value)) === value) return Number(value);
    throw new BadValue(expected, "an integer that it would round");
  };
}

function createBytesWriter(size: number | undefined, logical: AvroLogical | undefined): JsonWriter {
  switch (logical?.name) {
    case "decimal":
      return (value) => {
        const isText = typeof value === "string" || typeof value === "number" || typeof value === "bigint";
        const text = isText ? formatDecimal(String(value), logical.precision, logical.scale) : undefined;
        const unscaled = fitting(text, `a decimal(${logical.precision}, ${logical.scale})`).replace(".", "");
        return fitting(decimalBytes(BigInt(unscaled), size), "a decimal");
      };
    case "uuid":
      return (value) => uuidBytes(checked(value, isUuid, "a UUID", "a UUID"));
    case "duration":
      return (value) => fitting(durationBytes(value), "a duration of months, days and millis");
    default:
      return (value) => {
        const text = checked(value, () => true, "", "bytes in base64");
        const bytes = Buffer.from(text, "base64");
        if (bytes.toString("base64") !== text) throw new BadValue("bytes in base64", "string that is no base64");
        if (size === undefined || bytes.length === size) return bytes;
        throw new BadValue(`${size} bytes in base64`, `${bytes.length} bytes`);
      };
  }
}

function within<T>(index: number, write: () => T): T {
  try {
    return write();
  } catch (error) {
    throw withinElement(index, error);
  }
}
