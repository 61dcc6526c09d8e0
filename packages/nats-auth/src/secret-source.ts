import { readFileSync } from "node:fs";
import {
  ConnectorError,
  type ConnectorOptions,
  type Environment,
  isSecret,
  kindOf,
  resolveVars,
  Secret,
  type SourcePlace,
  toConnectorError,
} from "@x/connector-api";
import type { AuthContext } from "./auth-strategy.js";

/** Where a secret comes from. `option` is its name in messages. */
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
): { [field: string]: string | (() => string) } {
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

/**
 * A function that reads the secret afresh: the text with its variables resolved (once, now), the file's content without
 * its last line break, or what the user's function returns. It throws OPTION_INVALID without the secret.
 */
export function createSecretReader(source: SecretSource, environment: Environment): () => string {
  const { option } = source;
  if ("text" in source) {
    const text = checked(resolveVars(source.text.reveal(), environment, { name: option }), option);
    return () => text;
  }
  if ("file" in source) {
    const fileOption = secretOptions(option)[1];
    const path = resolveVars(source.file, environment, { name: fileOption });
    return () => checked(readText(path, fileOption), fileOption);
  }
  return () => checked(callFunction(source.read, option), option);
}

/**
 * Reads once now, where an error is thrown, and again with every call of the result, where an error is reported and the
 * last good value returned.
 */
export function keepLastGood<T>(read: () => T, report: AuthContext["report"]): () => T {
  let good = read();
  return () => {
    try {
      good = read();
    } catch (error) {
      try {
        report(toConnectorError(error));
      } catch {
        // The client must get an answer whatever the listener does.
      }
    }
    return good;
  };
}

function fieldOf(option: string): string {
  return option.slice("auth.".length).replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function missing(option: string, type: string, place?: SourcePlace): ConnectorError {
  return new ConnectorError("OPTION_MISSING", `auth.type = "${type}" needs "${option}" (or "${option}_file")`, {
    context: { option },
    place,
  });
}

/** The user's function, made loud where it would vanish: `JSON.stringify` leaves functions out. */
function unstorable(option: string, read: () => unknown): () => string {
  const toJSON = (): never => {
    throw new ConnectorError(
      "UNSUPPORTED",
      `"${option}" is a function, which cannot be stored; give a text, "{{ VAR }}" or "${option}_file"`,
    );
  };
  return Object.assign(() => read() as string, { toJSON });
}

function readText(path: string, option: string): string {
  try {
    return readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    const { code = "unreadable" } = cause as NodeJS.ErrnoException;
    throw new ConnectorError("OPTION_INVALID", `"${option}": cannot read ${JSON.stringify(path)} (${code})`, { cause });
  }
}

function callFunction(read: () => unknown, option: string): unknown {
  try {
    const value = read();
    return isSecret(value) ? value.reveal() : value;
  } catch (cause) {
    throw new ConnectorError("OPTION_INVALID", `"${option}": the function that supplies it has failed`, { cause });
  }
}

function checked(value: unknown, option: string): string {
  if (typeof value === "string" && value !== "") return value;
  if (value instanceof Promise) {
    value.catch(() => {});
    throw new ConnectorError(
      "OPTION_INVALID",
      `"${option}": the function must return text at once, got a promise; fetch the secret beforehand and return the latest`,
    );
  }
  const got = value === "" ? "an empty text" : kindOf(value);
  throw new ConnectorError("OPTION_INVALID", `"${option}": expected text that is not empty, got ${got}`);
}
