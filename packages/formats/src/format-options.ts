import { ConnectorError, type JsonObject, kindOf, type SourcePlace } from "@x/connector-api";

/** The fields of a stored format, `type` aside. OPTION_INVALID when it is no object. */
export function storedFields(value: unknown): { readonly [key: string]: unknown } {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value, type: undefined };
  throw new ConnectorError("OPTION_INVALID", `format: expected an object, got ${kindOf(value)}`);
}

/** Parses the stored form of a format without options. OPTION_INVALID names what is too much. */
export function parseNoOptions(value: unknown, format: string): JsonObject {
  refuseOthers(storedFields(value), format, []);
  return {};
}

/** OPTION_INVALID for a stored field that the format does not know. Fields stored as null count as absent. */
export function refuseOthers(
  fields: { readonly [key: string]: unknown },
  format: string,
  known: readonly string[],
): void {
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined || value === null || known.includes(key)) continue;
    const valid = known.length === 0 ? "it has no options" : `valid are ${known.join(", ")}`;
    throw new ConnectorError("OPTION_INVALID", `format.${key}: the format "${format}" has no such option; ${valid}`);
  }
}

/** UNSUPPORTED for an option whose time has not come. */
export function laterVersion(option: string, place?: SourcePlace): ConnectorError {
  return new ConnectorError("UNSUPPORTED", `${option} comes in a later version`, { context: { option }, place });
}
