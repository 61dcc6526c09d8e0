import { ConnectorError } from "./errors.js";
import { kindOf } from "./kind-of.js";

/** Readers for stored JSON. Each throws OPTION_INVALID with the path, what was expected and the kind of what came. */
export type StoredObject = Readonly<Record<string, unknown>>;

export function objectAt(value: unknown, path: string): StoredObject {
  if (kindOf(value) === "object") return value as StoredObject;
  throw invalidAt(path, "an object", value);
}

export function arrayAt(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalidAt(path, "an array", value);
}

/** A text that is not empty. */
export function textAt(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw invalidAt(path, "a text that is not empty", value);
}

export function positiveIntAt(value: unknown, path: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw invalidAt(path, "an integer above 0", value);
}

/** One of `choices`, in any case. */
export function choiceAt<const Choice extends string>(
  value: unknown,
  path: string,
  choices: readonly Choice[],
): Choice {
  const text = typeof value === "string" ? value.toLowerCase() : undefined;
  const choice = choices.find((choice) => choice.toLowerCase() === text);
  if (choice !== undefined) return choice;
  throw invalidAt(path, `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`, value);
}

/** `got` is the kind of the value, because stored JSON may hold secrets; a wrong word among choices is shown. */
export function invalidAt(path: string, expected: string, value: unknown): ConnectorError {
  const got = typeof value === "string" && expected.startsWith("one of") ? JSON.stringify(value) : kindOf(value);
  return new ConnectorError("OPTION_INVALID", `${path}: expected ${expected}, got ${got}`, { context: { path } });
}
