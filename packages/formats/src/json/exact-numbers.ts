import { BadValue } from "../bad-value.js";

/** How deep arrays and objects of a value may be nested. */
export const maxDepth = 512;

/** Thrown by a reader whose number lost digits in `JSON.parse`: the caller parses the text again with {@link parseExact}. */
export const needsExact: unique symbol = Symbol("needsExact");

/** Longer than the digits of any finite double: such a number is out of range for every type. */
const longestInteger = 400;

/** A number with a fraction or an exponent, as it stood in the text. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const DOT = 0x2e;
const STRING_MARK = "s";
const NUMBER_MARK = "n";

/**
 * Parses a text that `JSON.parse` has accepted once more without losing a digit: integers beyond 2^53 come out as
 * bigint, other numbers that a double may not hold exactly as {@link ExactNumber}, everything else as from `JSON.parse`.
 *
 * Long numbers are put in quotes with a mark before them, and every string value gets another mark, so that no string
 * of the sender's can pass for a number. Throws a BadValue for nesting beyond {@link maxDepth}.
 */
export function parseExact(text: string): unknown {
  return JSON.parse(markValues(text), (_key, value: unknown) => {
    if (typeof value !== "string") return value;
    return value[0] === STRING_MARK ? value.slice(1) : exactValue(value.slice(1));
  });
}

/**
 * True when a text may hold a number that a double rounds without a trace: more than 15 digits, or so small that it
 * becomes 0. Asked for each message where a DECIMAL column would keep such digits, so it looks at one character in 16:
 * a run of 16 cannot hide between them.
 */
export function mayLoseDigits(text: string): boolean {
  for (let at = 15; at < text.length; at += 16) {
    if (!isDigitOrDot(text.charCodeAt(at))) continue;
    let start = at;
    let end = at + 1;
    while (isDigitOrDot(text.charCodeAt(start - 1))) start--;
    while (isDigitOrDot(text.charCodeAt(end))) end++;
    if (end - start > 15) return true;
  }
  return (text.includes("e-") || text.includes("E-")) && /[eE]-\d{3}/.test(text);
}

function exactValue(text: string): number | bigint | ExactNumber {
  if (text.length > longestInteger || !/^-?\d+$/.test(text)) return new ExactNumber(text);
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
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
      if (bracket === 0x7b && ++depth > maxDepth) throw tooDeep();
      if (bracket === 0x7d) depth--;
      at++;
    }
  }
  return marked + text.slice(copied);
}

/** What a reader throws when a value is nested deeper than {@link maxDepth}. */
export function tooDeep(): BadValue {
  return new BadValue(`JSON nested at most ${maxDepth} levels deep`, "deeper nesting");
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

function isDigitOrDot(code: number): boolean {
  return isDigit(code) || code === DOT;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
