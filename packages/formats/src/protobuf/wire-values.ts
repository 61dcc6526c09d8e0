import type { Field, Type } from "protobufjs";

/** How protobufjs holds a 64-bit integer. */
export interface Long {
  readonly low: number;
  readonly high: number;
  readonly unsigned?: boolean;
}

export const longTypes: readonly string[] = ["int64", "uint64", "sint64", "fixed64", "sfixed64"];
export const intTypes: readonly string[] = ["int32", "uint32", "sint32", "fixed32", "sfixed32"];

/** A 64-bit integer as a number where safe, else as bigint. */
export function integerOf(value: unknown, unsigned: boolean): number | bigint {
  if (typeof value === "number") return value;
  const { low, high } = value as Long;
  const top = unsigned ? high >>> 0 : high | 0;
  if (top >= -0x200000 && top < 0x200000) {
    const number = top * 0x100000000 + (low >>> 0);
    if (Number.isSafeInteger(number)) return number;
  }
  return (BigInt(top) << 32n) | BigInt(low >>> 0);
}

/** What protobufjs writes for an integer of 64 bits: numbers as they are, bigints in halves. */
export function longOf(value: number | bigint): number | Long {
  if (typeof value === "number") return value;
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)) };
}

/** The message a field holds; undefined for scalars and enums. */
export function messageOf(field: Field): Type | undefined {
  const type = field.resolvedType as unknown as { fieldsArray?: unknown } | null;
  return type?.fieldsArray === undefined ? undefined : (field.resolvedType as Type);
}

/** The symbols of a field's enum; undefined for other fields. */
export function enumOf(
  field: Field,
): { valuesById: Record<number, string>; values: Record<string, number> } | undefined {
  const type = field.resolvedType as unknown as { valuesById?: Record<number, string> } | null;
  return type?.valuesById === undefined
    ? undefined
    : (type as { valuesById: Record<number, string>; values: Record<string, number> });
}

/** True for a message that stands for one scalar: Google's wrappers. */
export function isWrapper(type: Type): boolean {
  return /^\.google\.protobuf\.(Double|Float|U?Int(32|64)|Bool|String|Bytes)Value$/.test(type.fullName);
}

export const TIMESTAMP = ".google.protobuf.Timestamp";

/** True when a field can be absent. A single message always can, which protobufjs does not say of proto3. */
export function hasPresence(field: Field): boolean {
  return Boolean(field.hasPresence) || (!field.repeated && !field.map && messageOf(field) !== undefined);
}
