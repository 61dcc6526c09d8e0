import { type Column, exactIntegerOf, parseExactJson, type SqlType } from "@x/connector-api";

/** Thrown by a reader whose number lost digits in `JSON.parse`: the caller parses the text again with {@link parseExact}. */
export const needsExact: unique symbol = Symbol("needsExact");

/** A number with a fraction or an exponent, as it stood in the text. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * Parses a text that `JSON.parse` has accepted once more without losing a digit: integers beyond 2^53 come out as
 * bigint, other numbers that a double may not hold exactly as {@link ExactNumber}. Throws BAD_DATA for deep nesting.
 */
export function parseExact(text: string): unknown {
  return parseExactJson(text, (number) => exactIntegerOf(number) ?? new ExactNumber(number));
}

/** Tells of a text whether a column would keep digits that `JSON.parse` drops; undefined when no column would. */
export function digitsToKeep(columns: readonly Column[]): ((text: string) => boolean) | undefined {
  return columns.some(({ type }) => holdsDecimal(type)) ? mayLoseDigits : undefined;
}

function holdsDecimal(type: SqlType): boolean {
  switch (type.kind) {
    case "decimal":
      return true;
    case "array":
      return holdsDecimal(type.element);
    case "struct":
      return type.fields.some((field) => holdsDecimal(field.type));
    default:
      return false;
  }
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

function isDigitOrDot(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2e;
}
