import { ConnectorError, type SourcePlace } from "@x/connector-api";

/** A piece of SQL text. Blanks and comments are no tokens. */
export interface SqlToken {
  /** `number` also holds what is no number anywhere else, such as `1e3`; `opaque` is an escape string, kept as it is. */
  readonly kind: "word" | "quoted" | "string" | "number" | "symbol" | "opaque";
  /** As written. */
  readonly text: string;
  /** Without quotes; upper case for a word's comparison is the reader's business. */
  readonly value: string;
  /** Offset in the whole text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  readonly place: SourcePlace;
}

const piece =
  /(?<blank>\s+|--[^\n]*)|(?<opaque>[eE]'(?:[^'\\]|\\[\s\S]|'')*')|(?<word>[\p{L}_][\p{L}\p{N}_$]*)|(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<string>'(?:[^']|'')*'|\$(?<tag>[A-Za-z_]*)\$[\s\S]*?\$\k<tag>\$)|(?<quoted>"(?:[^"]|"")*"|`[^`]*`)|(?<symbol>[\s\S])/uy;

/**
 * Cuts SQL text into tokens. Strings, quoted names and (nested) comments are respected, so that a keyword, a comma or a
 * semicolon inside them is never taken for one. Throws SQL_SYNTAX for a string, name or comment without an end.
 */
export function tokenizeSql(text: string): readonly SqlToken[] {
  const tokens: SqlToken[] = [];
  let line = 1;
  let column = 1;
  let at = 0;
  while (at < text.length) {
    const start = at;
    const place = { line, column };
    if (text.startsWith("/*", at)) {
      at = endOfComment(text, at, { ...place, length: 2 });
    } else {
      piece.lastIndex = at;
      const groups = piece.exec(text)?.groups ?? {};
      at = piece.lastIndex;
      if (groups.blank === undefined) tokens.push(tokenOf(groups, text.slice(start, at), start, place));
    }
    const lines = text.slice(start, at).split("\n");
    line += lines.length - 1;
    column = (lines.length > 1 ? 1 : column) + charactersOf(lines[lines.length - 1] ?? "");
  }
  return tokens;
}

function tokenOf(
  groups: Record<string, string | undefined>,
  text: string,
  start: number,
  at: { line: number; column: number },
): SqlToken {
  const place = { ...at, length: charactersOf(text.split("\n", 1)[0] ?? "") };
  const token = (kind: SqlToken["kind"], value: string): SqlToken => ({
    kind,
    text,
    value,
    start,
    end: start + text.length,
    place,
  });
  if (groups.word !== undefined) return token("word", text);
  if (groups.number !== undefined) return token("number", text);
  if (groups.opaque !== undefined) return token("opaque", text);
  if (groups.string !== undefined) return token("string", stringValue(text));
  if (groups.quoted !== undefined) {
    if (text.length === 2) throw new ConnectorError("SQL_SYNTAX", "a quoted name is empty", { place });
    return token("quoted", text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text.slice(1, -1));
  }
  if (text === "'") throw new ConnectorError("SQL_SYNTAX", "this string has no closing '", { place });
  if (text === '"' || text === "`") {
    throw new ConnectorError("SQL_SYNTAX", `this quoted name has no closing ${text}`, { place });
  }
  return token("symbol", text);
}

function stringValue(text: string): string {
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  const tag = text.indexOf("$", 1) + 1;
  return text.slice(tag, -tag);
}

function endOfComment(text: string, start: number, place: SourcePlace): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    if (text.startsWith("/*", at)) {
      depth += 1;
      at += 1;
    } else if (text.startsWith("*/", at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  throw new ConnectorError("SQL_SYNTAX", "this comment has no closing */", { place });
}

function charactersOf(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** The tokens as text, with one space where there were blanks or comments. */
export function textOf(tokens: readonly SqlToken[]): string {
  let text = "";
  let end = tokens[0]?.start ?? 0;
  for (const token of tokens) {
    text += (token.start > end ? " " : "") + token.text;
    end = token.end;
  }
  return text;
}

/** The place of several tokens: up to the last one when they share a line, else that of the first. */
export function placeOf(tokens: readonly SqlToken[]): SourcePlace {
  const first = tokens[0]?.place ?? { line: 1, column: 1, length: 1 };
  const last = tokens.at(-1)?.place ?? first;
  if (last.line !== first.line) return first;
  return { ...first, length: last.column + last.length - first.column };
}

/** True for the keyword, in any case, outside quotes. */
export function isWord(token: SqlToken | undefined, ...words: readonly string[]): boolean {
  return token?.kind === "word" && words.includes(token.text.toUpperCase());
}

export function isSymbol(token: SqlToken | undefined, symbol: string): boolean {
  return token?.kind === "symbol" && token.text === symbol;
}

/** +1 for a token that opens a bracket, −1 for one that closes it. Angle brackets count only where types stand. */
export function nesting(token: SqlToken, angles = false): -1 | 0 | 1 {
  if (token.kind !== "symbol") return 0;
  if ("([{".includes(token.text) || (angles && token.text === "<")) return 1;
  if (")]}".includes(token.text) || (angles && token.text === ">")) return -1;
  return 0;
}
