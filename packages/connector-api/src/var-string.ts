import { ConnectorError, type SourcePlace } from "./errors.js";

/** Variables for `{{ NAME }}`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A text with variables in it, in order: literal pieces and names. */
export type VarString = readonly (string | { readonly variable: string })[];

/** What an error says about the text at hand; the text itself may be a secret and is never shown. */
export interface VarStringOrigin {
  /** The option or configuration path the text comes from, as the user wrote it. */
  readonly name?: string;
  readonly place?: SourcePlace | undefined;
}

const reference = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*$/;

/**
 * Reads `{{ NAME }}` references. Throws OPTION_INVALID for a `{{` that begins no reference: a typing mistake must not
 * become part of a password. A literal `{{` can be had from a variable, because values are not read again.
 */
export function parseVarString(text: string, origin: VarStringOrigin = {}): VarString {
  const parts: (string | { readonly variable: string })[] = [];
  let at = 0;
  for (;;) {
    const open = text.indexOf("{{", at);
    if (open === -1) break;
    const close = text.indexOf("}}", open + 2);
    const name = close === -1 ? undefined : reference.exec(text.slice(open + 2, close))?.[1];
    if (name === undefined) {
      throw new ConnectorError(
        "OPTION_INVALID",
        `${subject(origin)} has "{{" at character ${open + 1} that begins no reference; expected {{ NAME }} with letters, digits and "_" (a literal "{{" can come from an environment variable)`,
        { place: origin.place },
      );
    }
    if (open > at) parts.push(text.slice(at, open));
    parts.push({ variable: name });
    at = close + 2;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

/**
 * The text with every reference replaced by the variable's value, which is taken as it is. Throws ENV_MISSING naming
 * the variable and where it was wanted. A variable that is set to nothing counts as set.
 */
export function resolveVars(text: string, environment: Environment, origin: VarStringOrigin = {}): string {
  if (!text.includes("{{")) return text;
  return parseVarString(text, origin)
    .map((part) => (typeof part === "string" ? part : variableOf(part.variable, environment, origin)))
    .join("");
}

/** The names of the variables a text refers to, each once, in order. */
export function variablesOf(text: string): readonly string[] {
  return [...new Set(parseVarString(text).flatMap((part) => (typeof part === "string" ? [] : [part.variable])))];
}

function variableOf(variable: string, environment: Environment, origin: VarStringOrigin): string {
  const value = Object.hasOwn(environment, variable) ? environment[variable] : undefined;
  if (value !== undefined) return value;
  throw new ConnectorError(
    "ENV_MISSING",
    `${subject(origin)} needs the environment variable ${variable}, which is not set`,
    { place: origin.place, context: { variable, ...(origin.name === undefined ? {} : { option: origin.name }) } },
  );
}

function subject(origin: VarStringOrigin): string {
  return origin.name === undefined ? "the text" : `option "${origin.name}"`;
}
