import { kindOf } from "@x/connector-api";
import type { Field, Type } from "protobufjs";
import { BadValue } from "../bad-value.js";
import type { ProtobufLibrary } from "./load-schema.js";
import { messageOf } from "./wire-values.js";

/** Google's types that hold any JSON, their numbers as doubles. */
const jsonTypes = /^\.google\.protobuf\.(Value|Struct|ListValue)$/;

/**
 * The way of JSON into a field with all its values, by ProtoJSON: what `ProtobufJson` reads back is equal. Throws
 * BadValue, also for an integer that a `google.protobuf.Value` would round.
 */
export function createJsonWriter(field: Field, { fromJson }: ProtobufLibrary): (value: unknown) => unknown {
  const parent = field.parent as Type;
  const rounds = reachesJson(messageOf(field), new Set());
  const expected = `the JSON form of Protobuf ${field.map ? "map" : field.type}`;
  const withDigits = (_key: string, inner: unknown): unknown => {
    if (typeof inner === "number" && !Number.isFinite(inner))
      throw new BadValue(expected, "a number that JSON has not");
    if (typeof inner !== "bigint") return inner;
    if (rounds) throw new BadValue(`${expected}, which holds numbers as doubles`, "an integer beyond 2^53");
    return String(inner);
  };
  return (value) => {
    try {
      const json = JSON.parse(JSON.stringify(value, withDigits)) as unknown;
      const message = fromJson(parent, { [field.name]: json });
      return (message as { [name: string]: unknown })[field.name];
    } catch (error) {
      throw error instanceof BadValue ? error : new BadValue(expected, kindOf(value));
    }
  };
}

/** The same for one element of a repeated field. */
export function createJsonElementWriter(field: Field, library: ProtobufLibrary): (value: unknown) => unknown {
  const write = createJsonWriter(field, library);
  return (value) => (write([value]) as readonly unknown[])[0];
}

/** True when a message holds, at any depth, a number that Google's JSON types would keep as a double. */
function reachesJson(type: Type | undefined, seen: Set<Type>): boolean {
  if (type === undefined || seen.has(type)) return false;
  seen.add(type);
  if (jsonTypes.test(type.fullName)) return true;
  return type.fieldsArray.some((field) => reachesJson(messageOf(field.resolve() as Field), seen));
}
