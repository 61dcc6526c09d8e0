import { init, parse } from "@guanmingchiu/sqlparser-ts";
import { ConnectorError } from "@x/connector-api";
import { isSymbol, isWord, nesting, placeOf, type SqlToken } from "./sql-tokens.js";
import { endOf } from "./statement-reader.js";

/** A node of the parser's tree, read by key; its own types stay in this file. */
export type SyntaxNode = { readonly [key: string]: unknown };

/** Loads the grammar (WebAssembly, some 40 ms the first time). {@link parseStatement} needs it. */
export async function openSelectGrammar(): Promise<void> {
  await init();
}

/** Measured: the parser reads some hundreds; beyond that its stack overflows and no later call works. */
const maxOperators = 250;
const maxDepth = 40;
const maxCaseDepth = 8;

/** Parses one INSERT or SELECT. The spans in the tree are places in the whole text. Throws SQL_SYNTAX. */
export function parseStatement(text: string, tokens: readonly SqlToken[]): SyntaxNode {
  refuseTooComplex(tokens);
  const first = tokens[0];
  const last = tokens.at(-1);
  if (first === undefined || last === undefined) throw new ConnectorError("SQL_SYNTAX", "the statement is empty");
  const indent = "\n".repeat(first.place.line - 1) + " ".repeat(first.place.column - 1);
  let statements: readonly unknown[];
  try {
    statements = parse(indent + text.slice(first.start, last.end), "generic");
  } catch (error) {
    throw syntaxError(error, tokens);
  }
  const statement = statements[0];
  if (statements.length !== 1 || !isNode(statement)) {
    throw new ConnectorError("SQL_SYNTAX", "expected one statement", { place: first.place });
  }
  return statement;
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The child node under a key, or undefined. */
export function childOf(node: SyntaxNode | undefined, key: string): SyntaxNode | undefined {
  const child = node?.[key];
  return isNode(child) ? child : undefined;
}

export function listOf(node: SyntaxNode | undefined, key: string): readonly unknown[] {
  const child = node?.[key];
  return Array.isArray(child) ? child : [];
}

/** Finds the token at which a node begins, by the node's span. */
export function tokenIndexOf(node: SyntaxNode | undefined, tokens: readonly SqlToken[]): number {
  const start = childOf(childOf(node, "span"), "start");
  return tokens.findIndex(({ place }) => place.line === start?.line && place.column === start?.column);
}

function syntaxError(error: unknown, tokens: readonly SqlToken[]): ConnectorError {
  const message = error instanceof Error ? error.message : String(error);
  const [, text = message, line, column] =
    /^(?:sql parser error: )?([\s\S]*?)(?: at Line: (\d+), Column: (\d+))?$/.exec(message) ?? [];
  const at = tokens.find(({ place }) => place.line === Number(line) && place.column === Number(column));
  const place = at?.place ?? (line === undefined ? endOf(tokens) : { line: +line, column: Number(column), length: 1 });
  const [, expected, found] = /^Expected: ([\s\S]*), found: ([\s\S]*)$/.exec(text) ?? [];
  if (expected === undefined) return new ConnectorError("SQL_SYNTAX", text, { place, cause: error });
  const what = found === "EOF" ? "the end of the statement" : `"${at?.text ?? found}"`;
  return new ConnectorError("SQL_SYNTAX", `expected ${expected}, found ${what}`, { place, cause: error });
}

function refuseTooComplex(tokens: readonly SqlToken[]): void {
  let operators = 0;
  let depth = 0;
  let cases = 0;
  for (const token of tokens) {
    depth += nesting(token);
    if (isWord(token, "CASE")) cases += 1;
    else if (isWord(token, "END")) cases -= 1;
    else if (isWord(token, "AND", "OR", "NOT", "IS", "LIKE", "UNION", "EXCEPT", "INTERSECT")) operators += 1;
    else if (token.kind === "symbol" && !isSymbol(token, ",") && nesting(token) >= 0) operators += 1;
    if (operators > maxOperators || depth > maxDepth || cases > maxCaseDepth) {
      const limits = `${maxOperators} operators and brackets, ${maxDepth} nested brackets, ${maxCaseDepth} nested CASE`;
      throw new ConnectorError("SQL_SYNTAX", `this statement is too complex (at most ${limits}); split it`, {
        place: placeOf([token]),
      });
    }
  }
}
