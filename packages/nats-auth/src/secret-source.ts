import { ConnectorError, type ConnectorOptions, isSecret, kindOf, Secret, type SourcePlace } from "@x/connector-api";
import type { SecretFunction } from "./auth-strategy.js";

/** Where a secret comes from. `option` is its name in messages. `read` may return text or a promise of it. */
export type SecretSource = { readonly option: string } & (
  | { readonly text: Secret }
  | { readonly file: string }
  | { readonly read: () => unknown }
);

/** The two names a secret can be given under. */
export function secretOptions(option: string): readonly [string, string] {
  return [option, `${option}_file`];
}

/** The secrets a strategy needs, as its own names → option names: `{ nkeySeed: "auth.nkey_seed" }`. */
export type SecretNames = { readonly [name: string]: string };

/**
 * Pulls secrets as fields of the stored form: each a text with its variables kept, a function, or the path of a file.
 * OPTION_MISSING names every one that is not given and the `auth.type` that needs it, OPTION_CONFLICT the two names of
 * one that is given twice.
 */
export function pullSecrets(
  options: ConnectorOptions,
  type: string,
  secrets: SecretNames,
): { [field: string]: string | SecretFunction } {
  const stored: { [field: string]: string | SecretFunction } = {};
  const missing: string[] = [];
  for (const option of Object.values(secrets)) {
    const [, fileOption] = secretOptions(option);
    options.exclusive([option, fileOption]);
    const file = options.pullTemplate(fileOption);
    const given = file === undefined ? options.pullRaw(option) : undefined;
    const text =
      typeof given === "function" ? unstorable(option, given as () => unknown) : options.pullTemplate(option);
    if (file !== undefined) stored[fieldOf(fileOption)] = file;
    else if (text !== undefined) stored[fieldOf(option)] = text;
    else missing.push(option);
  }
  if (missing.length > 0) throw needs(type, missing, options.placeOf("auth.type"));
  return stored;
}

/** Reads the stored form of a strategy that has only secrets. Throws like `pullSecrets` and `storedFields`. */
export function parseSecrets<Names extends SecretNames>(
  stored: unknown,
  type: string,
  secrets: Names,
): { readonly [name in keyof Names]: SecretSource } {
  const fields = storedFields(stored, type, Object.values(secrets).flatMap(secretOptions));
  const given = Object.entries(secrets).map(([name, option]) => [name, parseSecret(fields, option)] as const);
  const missing = Object.values(secrets).filter((_, i) => given[i]?.[1] === undefined);
  if (missing.length > 0) throw needs(type, missing);
  return Object.fromEntries(given) as { readonly [name in keyof Names]: SecretSource };
}

function parseSecret(fields: { readonly [field: string]: unknown }, option: string): SecretSource | undefined {
  const [, fileOption] = secretOptions(option);
  const text = fields[fieldOf(option)] ?? undefined;
  const file = fields[fieldOf(fileOption)] ?? undefined;
  if (text !== undefined && file !== undefined) {
    throw new ConnectorError("OPTION_CONFLICT", `"${option}" and "${fileOption}" exclude each other`);
  }
  if (typeof file === "string") return { option, file };
  if (typeof text === "function") return { option, read: text as () => unknown };
  if (typeof text === "string" || isSecret(text)) return { option, text: isSecret(text) ? text : new Secret(text) };
  if (text === undefined && file === undefined) return undefined;
  const [name, came] = text === undefined ? [fileOption, file] : [option, text];
  throw new ConnectorError("OPTION_INVALID", `"${name}": expected text, got ${kindOf(came)}`);
}

/** The fields of a stored form under their camelCase names. OPTION_INVALID for one that the strategy does not know. */
export function storedFields(
  stored: unknown,
  type: string,
  options: readonly string[],
): { readonly [field: string]: unknown } {
  const known = new Set(options.map(fieldOf));
  const fields: { [field: string]: unknown } = {};
  for (const [key, value] of Object.entries(stored as object)) {
    const field = fieldOf(`auth.${key}`);
    if (key === "type" || value === undefined || value === null) continue;
    if (!known.has(field)) {
      const valid = known.size === 0 ? "it has none" : `valid are ${[...known].join(", ")}`;
      throw new ConnectorError("OPTION_INVALID", `auth.${key}: auth.type = "${type}" has no such field; ${valid}`);
    }
    fields[field] = value;
  }
  return fields;
}

/** The name in the stored form: `auth.nkey_seed` → `nkeySeed`. */
export function fieldOf(option: string): string {
  return option.slice("auth.".length).replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function needs(type: string, missing: readonly string[], place?: SourcePlace): ConnectorError {
  const names = missing.map((option) => `"${option}" (or "${option}_file")`).join(" and ");
  return new ConnectorError("OPTION_MISSING", `auth.type = "${type}" needs ${names}`, {
    context: { option: missing[0] },
    place,
  });
}

/** The user's function, made loud where it would vanish: `JSON.stringify` leaves functions out. */
function unstorable(option: string, read: () => unknown): SecretFunction {
  const toJSON = (): never => {
    throw new ConnectorError(
      "UNSUPPORTED",
      `"${option}" is a function, which cannot be stored; give a text, "{{ VAR }}" or "${option}_file"`,
    );
  };
  return Object.assign(() => read() as string, { toJSON });
}
