import type { ConnectorOptions } from "./connector-options.js";
import { ConnectorError } from "./errors.js";
import { choiceAt, objectAt, textAt } from "./stored-json.js";

/**
 * What to do with input that cannot become a row, or a row that cannot become output: stop the pipeline (the default),
 * count it and go on without it, or go on once it is kept in the dead letters. What `subject` names is the connector's.
 */
export type BadDataConfig =
  | { readonly behavior: "fail" }
  | { readonly behavior: "drop" }
  | { readonly behavior: "dead_letter"; readonly subject: string };

export const failOnBadData: BadDataConfig = { behavior: "fail" };

const SUBJECT = "dead_letter.subject";

/** What {@link badDataFromOptions} pulls, for `ConnectorOptions.declare`. */
export const badDataOptions: readonly string[] = ["bad_data", SUBJECT];

const behaviors = ["fail", "drop", "dead_letter"] as const;

/**
 * Pulls `bad_data` (absent is `fail`) and `dead_letter.subject`. Throws OPTION_MISSING for `dead_letter` without a
 * subject and OPTION_CONFLICT for a subject without it.
 */
export function badDataFromOptions(options: ConnectorOptions): BadDataConfig {
  const behavior = options.pullChoice("bad_data", behaviors) ?? "fail";
  if (behavior === "dead_letter") return { behavior, subject: options.pullString(SUBJECT) };
  if (!options.has(SUBJECT)) return { behavior };
  throw new ConnectorError("OPTION_CONFLICT", `option "${SUBJECT}" needs bad_data = 'dead_letter'`, {
    place: options.placeOf(SUBJECT),
    context: { option: SUBJECT },
  });
}

/** Parses the stored form `{ behavior, subject? }`. Throws OPTION_INVALID naming the path. */
export function parseBadData(value: unknown, path = "badData"): BadDataConfig {
  const stored = objectAt(value, path);
  const behavior = choiceAt(stored.behavior, `${path}.behavior`, behaviors);
  if (behavior === "dead_letter") return { behavior, subject: textAt(stored.subject, `${path}.subject`) };
  if (stored.subject === undefined || stored.subject === null) return { behavior };
  throw new ConnectorError("OPTION_INVALID", `${path}.subject: only with behavior "dead_letter"`);
}
