import type { SourcePlace } from "@x/connector-api";
import { aggregateFunctions, expandingFunctions, volatileFunctions } from "./function-names.js";
import { findName, resolveName } from "./resolve-name.js";
import { childOf, isNode, type SyntaxNode, tokenIndexOf } from "./select-grammar.js";
import { isSymbol, placeOf, type SqlToken, textOf } from "./sql-tokens.js";
import { unsupported } from "./statement-reader.js";

/** A value computed from the columns of one row. */
export interface Expression {
  /** For DuckDB: as written, with each column replaced by `c<index in the source table>`. */
  readonly sql: string;
  /** Indexes of the source columns it reads, ascending. */
  readonly columns: readonly number[];
  /** True when it calls a function whose result is not decided by its arguments. */
  readonly volatile: boolean;
  /** As written, comments removed. */
  readonly text: string;
  readonly place: SourcePlace;
}

/** The names an expression may use. */
export interface Scope {
  readonly columns: readonly string[];
  /** The source table's name and alias. */
  readonly tables: readonly string[];
  /** Tokens of the whole statement. */
  readonly tokens: readonly SqlToken[];
}

/** What a name in an expression means: a source column, written with `parts` of the reference (`t.column` has two). */
export interface ColumnReference {
  readonly column: number;
  readonly token: number;
  readonly parts: number;
}

/** Compiles the expression between two tokens. `node` is its syntax tree. */
export function compileExpression(node: unknown, from: number, to: number, scope: Scope): Expression {
  const found: Found = { references: new Map(), volatile: false };
  const tokens = scope.tokens.slice(from, to);
  walk(node, scope, found, placeOf(tokens));
  const columns = [...new Set([...found.references.values()].map((reference) => reference.column))];
  return {
    sql: textOf(replaceColumns(scope, from, to, found.references)),
    columns: columns.sort((a, b) => a - b),
    volatile: found.volatile,
    text: textOf(tokens),
    place: placeOf(tokens),
  };
}

/** The column that an identifier names when it is nothing but a column, else undefined. Throws for an unknown one. */
export function plainColumn(node: unknown, scope: Scope): number | undefined {
  if (!isNode(node)) return undefined;
  const parts = identifierParts(node);
  if (parts === undefined) return undefined;
  const reference = resolveReference(parts, scope);
  return reference.parts === parts.length ? reference.column : undefined;
}

interface Found {
  readonly references: Map<number, ColumnReference>;
  volatile: boolean;
}

function walk(node: unknown, scope: Scope, found: Found, place: SourcePlace): void {
  if (Array.isArray(node)) for (const item of node) walk(item, scope, found, place);
  if (!isNode(node)) return;
  refuseNode(node, place);
  const parts = identifierParts(node);
  if (parts !== undefined) {
    const reference = resolveReference(parts, scope);
    found.references.set(reference.token, reference);
    return;
  }
  const call = childOf(node, "Function");
  if (call !== undefined) visitFunction(call, scope, found, place);
  for (const [key, child] of Object.entries(node)) {
    if (key === "Dot" || (key === "name" && isNameList(child)) || key === "data_type" || key === "collation") continue;
    walk(child, scope, found, place);
  }
}

function visitFunction(call: SyntaxNode, scope: Scope, found: Found, whole: SourcePlace): void {
  const names = Array.isArray(call.name) ? call.name : [];
  const identifier = childOf(names.at(-1), "Identifier");
  const name = String(identifier?.value).toLowerCase();
  const token = scope.tokens[tokenIndexOf(identifier, scope.tokens)];
  const place = token?.place ?? whole;
  if (isNode(call.over)) {
    throw unsupported(`${name}() OVER is not supported: there are no windows over a stream`, place);
  }
  if (aggregateFunctions.has(name)) {
    throw unsupported(
      `${name}() is an aggregate and not supported: each row is computed from itself alone; aggregate downstream`,
      place,
    );
  }
  if (expandingFunctions.has(name)) {
    throw unsupported(`${name}() is not supported: a row in gives at most one row out`, place);
  }
  if (volatileFunctions.has(name)) found.volatile = true;
}

function refuseNode(node: SyntaxNode, place: SourcePlace): void {
  if ("Subquery" in node || "Exists" in node || "InSubquery" in node || "subquery" in node) {
    throw unsupported("subqueries are not supported: each row is computed from itself alone", place);
  }
  if ("Placeholder" in node) throw unsupported("parameters are not supported; write the value", place);
  if ("Wildcard" in node || "QualifiedWildcard" in node) {
    throw unsupported("* is supported only as a whole item of the SELECT list", place);
  }
}

function isNameList(value: unknown): boolean {
  return Array.isArray(value) && value.every((part) => isNode(part) && "Identifier" in part);
}

function identifierParts(node: SyntaxNode): readonly SyntaxNode[] | undefined {
  const single = childOf(node, "Identifier");
  if (single !== undefined) return [single];
  return Array.isArray(node.CompoundIdentifier) ? node.CompoundIdentifier.filter(isNode) : undefined;
}

function resolveReference(parts: readonly SyntaxNode[], scope: Scope): ColumnReference {
  const token = tokenIndexOf(parts[0], scope.tokens);
  const placeAt = (part: SyntaxNode | undefined) =>
    placeOf(scope.tokens.slice(tokenIndexOf(part, scope.tokens)).slice(0, 1));
  const first = String(parts[0]?.value);
  const second = parts[1];
  if (second !== undefined && findName(first, scope.tables, placeAt(parts[0])) >= 0) {
    const name = String(second.value);
    const own = findName(first, scope.columns, placeAt(parts[0])) >= 0;
    if (!own || findName(name, scope.columns, placeAt(second)) >= 0) {
      return { column: resolveName("column", name, scope.columns, placeAt(second)), token, parts: 2 };
    }
  }
  return { column: resolveName("column", first, scope.columns, placeAt(parts[0])), token, parts: 1 };
}

function replaceColumns(
  scope: Scope,
  from: number,
  to: number,
  references: ReadonlyMap<number, ColumnReference>,
): readonly SqlToken[] {
  const result: SqlToken[] = [];
  for (let i = from; i < to; i++) {
    const token = scope.tokens[i];
    if (token === undefined) break;
    const reference = references.get(i);
    if (reference === undefined) {
      result.push(token);
      continue;
    }
    if (reference.parts === 2 && isSymbol(scope.tokens[i + 1], ".")) i += 2;
    const last = scope.tokens[i] ?? token;
    result.push({ ...last, text: `c${reference.column}`, start: token.start });
  }
  return result;
}
