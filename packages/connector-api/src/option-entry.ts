import type { SourcePlace } from "./errors.js";
import { kindOf } from "./kind-of.js";
import { isSecret } from "./secret.js";

/** One option as the user wrote it. */
export interface OptionEntry {
  /** Canonical name: lower case, words joined by `_`, groups by `.` (`consumer.ack_policy`, `header.X-Id`). */
  readonly name: string;
  /** The name as the user wrote it, for messages. */
  readonly label: string;
  readonly value: unknown;
  /** Where the value (or, failing that, the name) stands in the SQL text. */
  readonly place?: SourcePlace | undefined;
}

/** The value as written, for an error about it: shortened, variables unresolved, a Secret hidden. */
export function printOptionValue(value: unknown): string {
  if (isSecret(value)) return String(value);
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  return kindOf(value);
}
