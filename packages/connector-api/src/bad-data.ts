import type { ConnectorOptions } from "./connector-options.js";
import { ConnectorError, type SourcePlace } from "./errors.js";
import { choiceAt, objectAt } from "./stored-json.js";

/**
 * What to do with input that cannot become a row, or a row that cannot become output: stop the pipeline (the default),
 * or count it and go on without it. `dead_letter` belongs to a later version and is refused until then.
 */
export type BadDataConfig = { readonly behavior: "fail" } | { readonly behavior: "drop" };

export const failOnBadData: BadDataConfig = { behavior: "fail" };

/** What {@link badDataFromOptions} pulls, for `ConnectorOptions.declare`. */
export const badDataOptions: readonly string[] = ["bad_data"];

const behaviors = ["fail", "drop", "dead_letter"] as const;

/** Pulls `bad_data`; absent is `fail`. Throws UNSUPPORTED for `dead_letter`. */
export function badDataFromOptions(options: ConnectorOptions): BadDataConfig {
  const behavior = options.pullChoice("bad_data", behaviors) ?? "fail";
  return configOf(behavior, 'option "bad_data"', options.placeOf("bad_data"));
}

/** Parses the stored form `{ behavior }`. Throws OPTION_INVALID naming the path, UNSUPPORTED for `dead_letter`. */
export function parseBadData(value: unknown, path = "badData"): BadDataConfig {
  const at = `${path}.behavior`;
  return configOf(choiceAt(objectAt(value, path).behavior, at, behaviors), at, undefined);
}

function configOf(behavior: (typeof behaviors)[number], where: string, place: SourcePlace | undefined): BadDataConfig {
  if (behavior !== "dead_letter") return { behavior };
  throw new ConnectorError("UNSUPPORTED", `${where}: "dead_letter" comes in a later version; use "fail" or "drop"`, {
    place,
  });
}
