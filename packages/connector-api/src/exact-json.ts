import { ConnectorError } from "./errors.js";
import { kindOf } from "./kind-of.js";

/** How deep arrays and objects of a JSON value may be nested: beyond it no encoder is sure of its stack. */
export const maxJsonDepth = 512;

/** Longer than the digits of any finite double: such a number is out of range for every type. */
const longestInteger = 400;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const DOT = 0x2e;
const STRING_MARK = "s";
const NUMBER_MARK = "n";

/**
 * Parses a text that `JSON.parse` has accepted once more without losing a digit: every number that a double may not
 * hold exactly is what `numberOf` makes of its text, everything else as from `JSON.parse`. By default integers beyond
 * 2^53 are bigint and other numbers the nearest double.
 *
 * Long numbers are put in quotes with a mark before them, and every string value gets another mark, so that no string
 * of the sender's can pass for a number. Throws BAD_DATA for nesting beyond {@link maxJsonDepth}.
 */
export function parseExactJson(text: string, numberOf: (text: string) => unknown = exactNumberOf): unknown {
  return JSON.parse(markValues(text), (_key, value: unknown) => {
    if (typeof value !== "string") return value;
    return value[0] === STRING_MARK ? value.slice(1) : numberOf(value.slice(1));
  });
}

/** The integer a JSON number is written as: a number where safe, else bigint. Undefined for any other number. */
export function exactIntegerOf(text: string): number | bigint | undefined {
  if (text.length > longestInteger || !/^-?\d+$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/**
 * Any JSON value as text, bigint as digits. `refuse` makes the error for what JSON cannot hold (NaN, infinities, other
 * kinds of objects, cycles) from a word about what came; by default BAD_DATA.
 */
export function printJson(value: unknown, refuse: (got: string) => unknown = unprintable, depth = 1): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "number":
      if (Number.isFinite(value)) return String(value);
      throw refuse("number that JSON cannot hold");
    case "object":
      if (value === null) return "null";
      if (depth > maxJsonDepth) throw refuse(deep);
      if (Array.isArray(value)) return `[${value.map((inner) => printJson(inner, refuse, depth + 1)).join()}]`;
      if (isPlain(value)) {
        const print = (key: string): string => `${JSON.stringify(key)}:${printJson(value[key], refuse, depth + 1)}`;
        return `{${Object.keys(value).map(print).join()}}`;
      }
  }
  throw refuse(kindOf(value));
}

const deep = `nesting deeper than ${maxJsonDepth} levels`;

function unprintable(got: string): ConnectorError {
  return new ConnectorError("BAD_DATA", `expected JSON, got ${got}`);
}

function isPlain(value: object): value is { readonly [key: string]: unknown } {
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}

function exactNumberOf(text: string): number | bigint {
  return exactIntegerOf(text) ?? Number(text);
}

function markValues(text: string): string {
  let marked = "";
  let copied = 0;
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      if (!isKey(text, end)) {
        marked += text.slice(copied, at + 1) + STRING_MARK;
        copied = at + 1;
      }
      at = end;
    } else if (code === MINUS || isDigit(code)) {
      const end = endOfNumber(text, at);
      const token = text.slice(at, end);
      if (token.length > 15 || /[eE]/.test(token)) {
        marked += `${text.slice(copied, at)}"${NUMBER_MARK}${token}"`;
        copied = end;
      }
      at = end;
    } else {
      // 0x20 folds `[` with `{` and `]` with `}`.
      const bracket = code | 0x20;
      if (bracket === 0x7b && ++depth > maxJsonDepth) throw unprintable(deep);
      if (bracket === 0x7d) depth--;
      at++;
    }
  }
  return marked + text.slice(copied);
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    at += code === BACKSLASH ? 2 : 1;
  }
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    // Digits, `.`, `e`, `E`, `+` and `-`: nothing else can follow inside a number of a valid text.
    if (!isDigit(code) && code !== DOT && (code | 0x20) !== 0x65 && code !== 0x2b && code !== MINUS) break;
    at++;
  }
  return at;
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === COLON;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
