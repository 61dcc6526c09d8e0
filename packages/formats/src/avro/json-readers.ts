import { type JsonValue, maxJsonDepth } from "@x/connector-api";
import { BadValue } from "../bad-value.js";
import { needsExact } from "../json/exact-numbers.js";
import { readJsonText } from "../json/json-document.js";
import { tooDeep } from "../json/json-value.js";
import { createRfc3339Writer } from "../values/timestamp.js";
import {
  dateText,
  decimalText,
  durationOf,
  epochOf,
  microsText,
  timestampLogicals,
  uuidText,
} from "./logical-values.js";
import { type AvroNode, branchName, nullableBranch } from "./schema-model.js";

type JsonReader = (value: unknown, depth: number) => unknown;

/**
 * Compiles the way of any Avro value into JSON: unions as the value alone, bytes and fixed as base64, decimals as
 * numbers that keep their digits in text, dates and times as text, timestamps as RFC 3339, longs with all digits, NaN
 * and infinities as the texts "NaN", "Infinity" and "-Infinity".
 */
export function createJsonReader(node: AvroNode, exact: boolean): (value: unknown) => JsonValue {
  const read = new JsonReaders(exact).of(node);
  return (value) => read(value, 1) as JsonValue;
}

class JsonReaders {
  readonly #exact: boolean;
  readonly #known = new Map<AvroNode, JsonReader>();

  constructor(exact: boolean) {
    this.#exact = exact;
  }

  /** A reader per node, made once: a recursive schema meets its own reader again. */
  of(node: AvroNode): JsonReader {
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    let read: JsonReader | undefined;
    this.#known.set(node, (value, depth) => (read as JsonReader)(value, depth));
    read = this.#create(node);
    this.#known.set(node, read);
    return read;
  }

  #create(node: AvroNode): JsonReader {
    switch (node.kind) {
      case "null":
        return () => null;
      case "boolean":
      case "enum":
        return (value) => value;
      case "int":
      case "long":
        return integerReader("logical" in node ? node.logical?.name : undefined);
      case "float":
      case "double":
        return (value) => (Number.isFinite(value) ? value : String(value));
      case "string":
        return this.#textReader(node.logical?.name === "json");
      case "bytes":
      case "fixed": {
        const { logical } = node;
        if (logical?.name === "decimal") return (value) => decimalText(value as Uint8Array, logical.scale);
        if (logical?.name === "uuid") return (value) => uuidText(value as Uint8Array);
        if (logical?.name === "duration") return (value) => durationOf(value as Uint8Array);
        return (value) => (value as Buffer).toString("base64");
      }
      case "array": {
        const read = this.of(node.items);
        return (value, depth) => {
          if (depth > maxJsonDepth) throw tooDeep("JSON");
          return (value as unknown[]).map((item) => read(item, depth + 1));
        };
      }
      case "map": {
        const read = this.of(node.values);
        return (value, depth) => {
          if (depth > maxJsonDepth) throw tooDeep("JSON");
          return Object.fromEntries(
            Object.entries(value as object).map(([key, inner]) => [this.#checked(key), read(inner, depth + 1)]),
          );
        };
      }
      case "record": {
        const fields = node.fields.map((field) => [field.name, this.of(field.node)] as const);
        return (value, depth) => {
          if (depth > maxJsonDepth) throw tooDeep("JSON");
          const object: { [name: string]: unknown } = {};
          for (const [name, read] of fields) {
            object[name] = read((value as { [name: string]: unknown })[name], depth + 1);
          }
          return object;
        };
      }
      case "union":
        return this.#unionReader(node.branches, node);
    }
  }

  #unionReader(branches: readonly AvroNode[], node: AvroNode): JsonReader {
    const inner = nullableBranch(node);
    if (inner !== undefined) {
      const read = this.of(inner);
      return (value, depth) => (value === null ? null : read(value, depth));
    }
    const readers = new Map(branches.map((branch) => [branchName(branch), this.of(branch)]));
    return (value, depth) => {
      for (const branch in value as object) {
        const read = readers.get(branch);
        if (read !== undefined) return read((value as { [name: string]: unknown })[branch], depth);
      }
      return null;
    };
  }

  #textReader(isJson: boolean): JsonReader {
    if (!isJson) return (value) => this.#checked(value);
    return (value) => readJsonText(this.#checked(value), "JSON");
  }

  #checked(value: unknown): string {
    if (!this.#exact && (value as string).includes("\ufffd")) throw needsExact;
    return value as string;
  }
}

function integerReader(logical: string | undefined): JsonReader {
  const fitting = (text: string | undefined): string => {
    if (text !== undefined) return text;
    throw new BadValue(`a ${logical}`, "number out of range");
  };
  const unit = timestampLogicals[logical ?? ""];
  if (unit !== undefined) {
    const convert = epochOf(unit, unit);
    const write = createRfc3339Writer(unit);
    return (value) => {
      const time = convert(value as number | bigint);
      return fitting(time === undefined ? undefined : write(time));
    };
  }
  switch (logical) {
    case "date":
      return (value) => fitting(dateText(value as number));
    case "time-millis":
      return (value) => fitting(microsText((value as number) * 1000, 3));
    case "time-micros":
      return (value) => fitting(microsText(Number(value), 6));
    default:
      return (value) => {
        const number = Number(value);
        return typeof value === "bigint" && Number.isSafeInteger(number) ? number : value;
      };
  }
}
