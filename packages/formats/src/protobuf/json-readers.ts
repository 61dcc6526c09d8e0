import type { JsonValue } from "@x/connector-api";
import type { Field, Type } from "protobufjs";
import type { ProtobufLibrary } from "./load-schema.js";
import { enumOf, hasPresence, integerOf, isWrapper, longTypes, messageOf } from "./wire-values.js";

type Message = { readonly [field: string]: unknown };
type ToJson = (value: unknown) => unknown;

/**
 * Compiles the way of messages into JSON, as ProtoJSON does it but for two things: fields keep their proto names, and
 * 64-bit integers are numbers with all their digits. Fields that are not present are left out; those without presence
 * are always there, with their default. Google's well-known types take their JSON form.
 */
export class ProtobufJson {
  readonly #library: ProtobufLibrary;
  readonly #known = new Map<Type, (message: Message) => unknown>();

  constructor(library: ProtobufLibrary) {
    this.#library = library;
  }

  message(type: Type): (message: Message) => JsonValue {
    const known = this.#known.get(type);
    if (known !== undefined) return known as (message: Message) => JsonValue;
    const { toJson } = this.#library;
    if (type.fullName.startsWith(".google.protobuf.") && (!isWrapper(type) || !/Int64/.test(type.name))) {
      return (message) => toJson(type, message) as JsonValue;
    }
    if (isWrapper(type)) {
      const read = this.value(type.fieldsArray[0] as Field);
      return (message) => read(message.value) as JsonValue;
    }
    let entries: readonly (readonly [string, string, boolean, ToJson])[] = [];
    const read = (message: Message): unknown => {
      const object: { [name: string]: unknown } = {};
      for (const [key, name, always, toValue] of entries) {
        if (always || (Object.hasOwn(message, name) && message[name] !== null)) object[key] = toValue(message[name]);
      }
      return object;
    };
    this.#known.set(type, read);
    entries = type.fieldsArray
      .map((one) => one.resolve() as Field)
      .map((field) => [jsonKeyOf(field), field.name, !hasPresence(field), this.field(field)] as const);
    return read as (message: Message) => JsonValue;
  }

  /** A field with all its values: a list, a map or one value. */
  field(field: Field): ToJson {
    const read = this.value(field);
    if (field.map) {
      return (value) =>
        Object.fromEntries(
          Object.entries((value ?? {}) as object).map(([key, inner]) => [keyOf(field, key), read(inner)]),
        );
    }
    if (field.repeated) return (value) => ((value ?? []) as unknown[]).map(read);
    return read;
  }

  /** One value of a field. */
  value(field: Field): ToJson {
    const type = messageOf(field);
    if (type !== undefined) {
      const read = this.message(type);
      return (value) => read(value as Message);
    }
    const symbols = enumOf(field);
    if (symbols !== undefined) return (value) => symbols.valuesById[value as number] ?? value;
    if (longTypes.includes(field.type)) {
      const unsigned = field.type === "uint64" || field.type === "fixed64";
      return (value) => integerOf(value, unsigned);
    }
    if (field.type === "bytes") return (value) => Buffer.from(value as Uint8Array).toString("base64");
    if (field.type === "float" || field.type === "double")
      return (value) => (Number.isFinite(value) ? value : String(value));
    return (value) => value;
  }
}

/** ProtoJSON has extensions under their full names in brackets. */
function jsonKeyOf({ name }: Field): string {
  return name.startsWith(".") ? `[${name.slice(1)}]` : name;
}

/** Keys of 64 bits are kept as eight characters by protobufjs. */
function keyOf(field: Field, key: string): string {
  const { keyType } = field as unknown as { keyType: string };
  if (!longTypes.includes(keyType) || key.length !== 8) return key;
  const byte = (at: number): number => key.charCodeAt(at);
  const half = (at: number): number => byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
  return String(integerOf({ low: half(0), high: half(4) }, keyType === "uint64" || keyType === "fixed64"));
}
