import { kindOf } from "@x/connector-api";
import { BadValue } from "../bad-value.js";
import { needsExact } from "../json/exact-numbers.js";

/** avsc's float arithmetic writes longs up to here without loss; longer ones go through its bigint type. */
export const longestPlain: number = 2 ** 52;

/** A long as avsc's plain type takes it, or its exact one. Throws {@link needsExact} where the plain one would round. */
export function createToLong(exact: boolean): (value: bigint | number) => number | bigint {
  if (exact) return (value) => BigInt(value);
  return (value) => {
    if (value >= -longestPlain && value <= longestPlain) return Number(value);
    throw needsExact;
  };
}

/** Throws BadValue for a value of another kind. */
export function typed(kind: "boolean" | "number", expected: string): (value: unknown) => unknown {
  return (value) => {
    if (typeof value === kind) return value;
    throw new BadValue(expected, kindOf(value));
  };
}

/** ECMA-2024; in Node since 20. */
const isWellFormed = (text: string): boolean => (text as unknown as { isWellFormed(): boolean }).isWellFormed();

/** A text that UTF-8 can carry. Throws BadValue. */
export function wellFormed(value: unknown, expected: string): string {
  return checked(value, isWellFormed, "Unicode text: it holds a lone surrogate", expected);
}

/** A text of a form that `what` names. Throws BadValue. */
export function checked(value: unknown, isValid: (text: string) => boolean, what: string, expected: string): string {
  if (typeof value !== "string") throw new BadValue(expected, kindOf(value));
  if (isValid(value)) return value;
  throw new BadValue(expected, `string that is not ${what}`);
}

/** What a conversion gave, undefined being that there is none. Throws BadValue. */
export function fitting<T>(value: T | undefined, expected: string): T {
  if (value !== undefined) return value;
  throw new BadValue(expected, "a value that does not fit the Avro type");
}
