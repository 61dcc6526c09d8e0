import { ConnectorError } from "./errors.js";
import { kindOf } from "./kind-of.js";
import type { OptionEntry } from "./option-entry.js";

/** Groups whose members are names of the user's own and are kept as they are. */
const families = new Set(["header"]);

/**
 * The entries of a plain object: nested names are joined by a dot and camelCase becomes snake_case
 * (`consumer.ackPolicy` is `consumer.ack_policy`); a number under a name that ends in `Ms` is a duration
 * (`connectTimeoutMs: 500` is `connect_timeout`, `500ms`). A key with a dot or an underscore is taken as the option's
 * own name. `undefined` is as if absent. Arrays, functions, bytes, Secrets and instances of classes are values.
 */
export function entriesOfObject(value: object): readonly OptionEntry[] {
  if (!isPlain(value)) {
    throw new ConnectorError("OPTION_INVALID", `options: expected a plain object, got ${kindOf(value)}`);
  }
  const entries: OptionEntry[] = [];
  collect(value, "", "", entries);
  return entries;
}

/** `consumer.ack_policy` as a caller of the object form writes it: `consumer.ackPolicy`. */
export function camelCaseOf(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function collect(value: object, name: string, label: string, entries: OptionEntry[]): void {
  const verbatim = families.has(name);
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const memberLabel = label === "" ? key : `${label}.${key}`;
    const inMs = !verbatim && typeof member === "number" && /[a-z0-9]Ms$/.test(key);
    const part = verbatim ? key : snakeCaseOf(inMs ? key.slice(0, -2) : key);
    const memberName = name === "" ? part : `${name}.${part}`;
    if (isPlain(member)) collect(member, memberName, memberLabel, entries);
    else entries.push({ name: memberName, label: memberLabel, value: inMs ? `${member}ms` : member });
  }
}

function snakeCaseOf(key: string): string {
  if (/[._-]/.test(key)) return key;
  return key.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
