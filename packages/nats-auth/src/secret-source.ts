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

/**
 * Pulls a secret as a field of the stored form: a text with its variables kept, a function, or the path of a file.
 * OPTION_MISSING says which `auth.type` needs it, OPTION_CONFLICT that both names were given.
 */
export function pullSecret(
  options: ConnectorOptions,
  option: string,
  type: string,
): { [field: string]: string | SecretFunction } {
  const [, fileOption] = secretOptions(option);
  options.exclusive([option, fileOption]);
  const file = options.pullTemplate(fileOption);
  if (file !== undefined) return { [fieldOf(fileOption)]: file };
  const given = options.pullRaw(option);
  if (typeof given === "function") return { [fieldOf(option)]: unstorable(option, given as () => unknown) };
  const text = options.pullTemplate(option);
  if (text !== undefined) return { [fieldOf(option)]: text };
  throw missing(option, type, options.placeOf("auth.type"));
}

/** Reads a secret of the stored form. */
export function parseSecret(fields: { readonly [field: string]: unknown }, option: string, type: string): SecretSource {
  const [, fileOption] = secretOptions(option);
  const text = fields[fieldOf(option)] ?? undefined;
  const file = fields[fieldOf(fileOption)] ?? undefined;
  if (text !== undefined && file !== undefined) {
    throw new ConnectorError("OPTION_CONFLICT", `"${option}" and "${fileOption}" exclude each other`);
  }
  if (typeof file === "string") return { option, file };
  if (typeof text === "function") return { option, read: text as () => unknown };
  if (typeof text === "string" || isSecret(text)) return { option, text: isSecret(text) ? text : new Secret(text) };
  if (text === undefined && file === undefined) throw missing(option, type);
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

function missing(option: string, type: string, place?: SourcePlace): ConnectorError {
  return new ConnectorError("OPTION_MISSING", `auth.type = "${type}" needs "${option}" (or "${option}_file")`, {
    context: { option },
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
