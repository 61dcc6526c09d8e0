import { maxJsonDepth, printJson, type RowValue } from "@x/connector-api";
import { BadValue } from "../bad-value.js";
import { ExactNumber, needsExact } from "./exact-numbers.js";

/**
 * Takes over any JSON value as it was parsed, after a look at its numbers: an integer beyond 2^53 must have come
 * through parseExact, and a number that no double reaches is bad data. `expected` names the column's type in errors;
 * the place inside the value is not named, because its keys are data.
 */
export function readJson(value: unknown, expected: string, depth = 1): RowValue {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return value;
    if (Number.isInteger(value)) throw needsExact;
    return finite(value, expected);
  }
  if (typeof value !== "object" || value === null) return value as RowValue;
  if (value instanceof ExactNumber) return finite(Number(value.text), expected);
  if (depth > maxJsonDepth) throw tooDeep(expected);
  const container = value as { [key: string]: unknown };
  for (const key of Object.keys(container)) {
    const inner = container[key];
    const read = readJson(inner, expected, depth + 1);
    if (read !== inner) container[key] = read;
  }
  return container as RowValue;
}

/** Writes any JSON value; bigint as digits. Throws BadValue for what JSON cannot hold, and for cycles by their depth. */
export function writeJson(value: unknown, expected: string): string {
  return printJson(value, (got) => new BadValue(expected, got));
}

/** What a reader throws for a value of JSON that is nested too deep. */
export function tooDeep(expected: string): BadValue {
  return new BadValue(expected, `nesting deeper than ${maxJsonDepth} levels`);
}

function finite(value: number, expected: string): number {
  if (Number.isFinite(value)) return value;
  throw new BadValue(expected, "number that JSON cannot hold");
}
