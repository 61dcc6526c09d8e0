import { ConnectorError, type RowValue, type SourcePlace, type SqlType } from "@x/connector-api";
import type { TableDefinition } from "./create-table.js";
import { compileExpression, type Expression, plainColumn, type Scope } from "./expression.js";
import { literalOf } from "./literal.js";
import { indexOfWord, placeOfWord, refuseClauses } from "./refused-clauses.js";
import { resolveName } from "./resolve-name.js";
import { childOf, isNode, listOf, parseStatement, type SyntaxNode, tokenIndexOf } from "./select-grammar.js";
import { isSymbol, isWord, nesting, placeOf, type SqlToken, textOf } from "./sql-tokens.js";
import { endOf, unsupported } from "./statement-reader.js";

/** One item of a SELECT list, `*` expanded. `name` is the output column's name. */
export type SelectItem = { readonly name: string; readonly place: SourcePlace } & (
  | { readonly kind: "column"; readonly column: number }
  | { readonly kind: "literal"; readonly value: RowValue; readonly type: SqlType | undefined }
  | { readonly kind: "expression"; readonly expression: Expression }
);

/** `INSERT INTO sink SELECT … FROM source`, or a bare SELECT. Names are resolved; types are `planQuery`'s business. */
export interface QueryDefinition {
  /** Absent for a bare SELECT, whose rows go to stdout. `columns` are indexes into the sink's columns. */
  readonly sink?: { readonly table: string; readonly columns?: readonly number[]; readonly place: SourcePlace };
  readonly source: { readonly table: string; readonly place: SourcePlace };
  readonly items: readonly SelectItem[];
  readonly where?: Expression;
  readonly place: SourcePlace;
  /** The statement as written. */
  readonly text: string;
}

/** Parses a statement that begins with INSERT or SELECT. `openSelectGrammar` must have resolved. */
export function parseQuery(
  text: string,
  tokens: readonly SqlToken[],
  tables: readonly TableDefinition[],
): QueryDefinition {
  const statement = parseStatement(text, tokens);
  const insert = childOf(statement, "Insert");
  const query = insert === undefined ? childOf(statement, "Query") : childOf(insert, "source");
  if (insert !== undefined) refuseClauses("insert", insert, tokens);
  if (query === undefined)
    throw unsupported("INSERT needs a SELECT, as in INSERT INTO a SELECT * FROM b", placeOf(tokens));
  refuseClauses("query", query, tokens);
  const select = selectOf(query, tokens);
  const begin = tokenIndexOf(childOf(select, "select_token"), tokens);
  refuseClauses("select", select, tokens.slice(begin));
  if (select.flavor !== "Standard") throw unsupported("write SELECT … FROM …, in this order", placeOf(tokens));
  const sink = insert && parseSink(insert, tokens, tables);
  const { source, scope, fromIndex } = parseSource(select, tokens, begin, tables);
  const where = parseWhere(select, scope, fromIndex);
  return {
    ...(sink === undefined ? {} : { sink }),
    source: { table: source.table.name, place: source.place },
    items: parseItems(select, scope, begin + 1, fromIndex, source.table),
    ...(where === undefined ? {} : { where }),
    place: placeOf(tokens),
    text: text.slice(tokens[0]?.start, tokens.at(-1)?.end),
  };
}

function selectOf(query: SyntaxNode, tokens: readonly SqlToken[]): SyntaxNode {
  const body = childOf(query, "body") ?? {};
  const select = childOf(body, "Select");
  if (select !== undefined) return select;
  if ("SetOperation" in body) {
    const word = ["UNION", "EXCEPT", "INTERSECT", "MINUS"].find((name) => indexOfWord(name, tokens) >= 0) ?? "UNION";
    const remedy = "write one INSERT INTO … SELECT for each part";
    throw unsupported(`${word} is not supported; ${remedy}`, placeOfWord(word, tokens));
  }
  if ("Values" in body) {
    const remedy = "rows come from a source table; write INSERT INTO … SELECT … FROM …";
    throw unsupported(`VALUES is not supported: ${remedy}`, placeOfWord("VALUES", tokens));
  }
  throw unsupported(
    "write the SELECT without brackets around it, as in INSERT INTO a SELECT * FROM b",
    placeOf(tokens),
  );
}

function parseSink(insert: SyntaxNode, tokens: readonly SqlToken[], tables: readonly TableDefinition[]) {
  const { table, place } = resolveTable(childOf(insert, "table")?.TableName, tokens, tables, "INSERT INTO");
  const names = table.schema.columns.map((column) => column.name);
  const columns = listOf(insert, "columns").map((parts) => {
    const identifier = Array.isArray(parts) && parts.length === 1 ? childOf(parts[0], "Identifier") : undefined;
    const at = placeOf(tokens.slice(tokenIndexOf(identifier, tokens)).slice(0, 1));
    if (identifier === undefined) throw unsupported("a column name has one part", place);
    return { index: resolveName("column", String(identifier.value), names, at, table.name), at };
  });
  columns.forEach(({ index, at }, i) => {
    if (columns.findIndex((column) => column.index === index) < i) {
      throw new ConnectorError("SQL_INVALID", `column "${names[index]}" is listed twice`, { place: at });
    }
  });
  return { table: table.name, place, ...(columns.length === 0 ? {} : { columns: columns.map(({ index }) => index) }) };
}

function parseSource(
  select: SyntaxNode,
  tokens: readonly SqlToken[],
  begin: number,
  tables: readonly TableDefinition[],
) {
  const from = listOf(select, "from");
  const first = from[0];
  if (!isNode(first)) {
    throw new ConnectorError("SQL_INVALID", "SELECT needs FROM and a source table", { place: endOf(tokens) });
  }
  const fromIndex = fromIndexOf(first, tokens, begin);
  if (from.length > 1 || listOf(first, "joins").length > 0) {
    const comma = tokens.findIndex((token, index) => index > fromIndex && isSymbol(token, ","));
    const place = from.length > 1 ? placeOf(tokens.slice(comma, comma + 1)) : placeOfWord("JOIN", tokens);
    throw unsupported("joins are not supported: FROM takes one table; join downstream", place);
  }
  const relation = childOf(childOf(first, "relation"), "Table");
  if (relation === undefined) {
    throw unsupported(
      "FROM takes one table; subqueries are not supported",
      placeOf(tokens.slice(fromIndex + 1, fromIndex + 2)),
    );
  }
  if (relation.args !== undefined && relation.args !== null) {
    throw unsupported(
      "FROM takes a table; table functions are not supported",
      placeOf(tokens.slice(fromIndex + 1, fromIndex + 2)),
    );
  }
  refuseClauses("table", relation, tokens.slice(fromIndex));
  const source = resolveTable(relation.name, tokens, tables, "FROM");
  const alias = childOf(relation, "alias");
  if (listOf(alias, "columns").length > 0)
    throw unsupported("column names behind a table's alias are not supported", source.place);
  const aliasName = childOf(alias, "name")?.value;
  const scope: Scope = {
    columns: source.table.schema.columns.map((column) => column.name),
    tables: aliasName === undefined ? [source.table.name] : [String(aliasName)],
    tokens,
  };
  return { source, scope, fromIndex };
}

/** The FROM of the statement: the word before the first table, so that `IS DISTINCT FROM` is not taken for it. */
function fromIndexOf(first: SyntaxNode, tokens: readonly SqlToken[], begin: number): number {
  const names = childOf(childOf(first, "relation"), "Table")?.name;
  const table = Array.isArray(names) ? tokenIndexOf(childOf(names[0], "Identifier"), tokens) : -1;
  if (table > 0 && isWord(tokens[table - 1], "FROM")) return table - 1;
  return indexOfWord("FROM", tokens, begin);
}

function resolveTable(name: unknown, tokens: readonly SqlToken[], tables: readonly TableDefinition[], clause: string) {
  const parts = Array.isArray(name) ? name : [];
  const identifier = childOf(parts[0], "Identifier");
  const place = placeOf(identifier === undefined ? tokens : tokens.slice(tokenIndexOf(identifier, tokens)).slice(0, 1));
  if (identifier === undefined || parts.length > 1) {
    throw unsupported(`${clause} takes a table name of one part; leave out the schema`, place);
  }
  const names = tables.map((table) => table.name);
  const table = tables[resolveName("table", String(identifier.value), names, place)];
  if (table === undefined) throw new ConnectorError("UNEXPECTED", "a resolved table is not in the list");
  return { table, place };
}

function parseItems(
  select: SyntaxNode,
  scope: Scope,
  from: number,
  to: number,
  table: TableDefinition,
): readonly SelectItem[] {
  const slices = splitList(scope.tokens, from, to);
  const nodes = listOf(select, "projection");
  return slices.flatMap(([start, end], i): readonly SelectItem[] => {
    const node = nodes[i];
    if (start === end || !isNode(node)) {
      const place = scope.tokens[end]?.place ?? endOf(scope.tokens);
      throw new ConnectorError("SQL_SYNTAX", `expected an expression, found "${scope.tokens[end]?.text}"`, { place });
    }
    if ("Wildcard" in node || "QualifiedWildcard" in node) return expandWildcard(node, scope, start, end, table);
    return [parseItem(node, scope, start, end, table)];
  });
}

function parseItem(node: SyntaxNode, scope: Scope, start: number, itemEnd: number, table: TableDefinition): SelectItem {
  const place = placeOf(scope.tokens.slice(start, itemEnd));
  const aliased = childOf(node, "ExprWithAlias");
  const expr = aliased === undefined ? node.UnnamedExpr : aliased.expr;
  if (expr === undefined) throw unsupported("this form of an item is not supported; write expression AS name", place);
  const alias = childOf(aliased, "alias");
  let end = alias === undefined ? itemEnd : tokenIndexOf(alias, scope.tokens);
  if (end < start) end = itemEnd - 1;
  if (alias !== undefined && isWord(scope.tokens[end - 1], "AS")) end -= 1;
  const column = plainColumn(expr, scope);
  if (column !== undefined) {
    const name = alias === undefined ? (table.schema.columns[column]?.name ?? "") : String(alias.value);
    return { kind: "column", column, name, place };
  }
  const name = alias === undefined ? textOf(scope.tokens.slice(start, end)) : String(alias.value);
  const literal = literalOf(expr);
  if (literal !== undefined) return { kind: "literal", ...literal, name, place };
  return { kind: "expression", expression: compileExpression(expr, start, end, scope), name, place };
}

function expandWildcard(
  node: SyntaxNode,
  scope: Scope,
  start: number,
  end: number,
  table: TableDefinition,
): readonly SelectItem[] {
  const place = placeOf(scope.tokens.slice(start, end));
  const qualified = "QualifiedWildcard" in node;
  if (end - start !== (qualified ? 3 : 1)) {
    throw unsupported("* takes no EXCEPT, EXCLUDE, REPLACE or RENAME here; list the columns", place);
  }
  if (qualified) resolveName("table", scope.tokens[start]?.value ?? "", scope.tables, place);
  return table.schema.columns.map((column, index) => ({ kind: "column", column: index, name: column.name, place }));
}

function parseWhere(select: SyntaxNode, scope: Scope, fromIndex: number): Expression | undefined {
  const selection = select.selection;
  if (selection === undefined || selection === null) return undefined;
  const where = indexOfWord("WHERE", scope.tokens, fromIndex);
  return compileExpression(selection, where + 1, scope.tokens.length, scope);
}

/** Token ranges of a list whose items are separated by commas outside brackets. */
function splitList(tokens: readonly SqlToken[], from: number, to: number): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  let depth = 0;
  let start = from;
  for (let i = from; i < to; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    depth += nesting(token);
    if (depth === 0 && isSymbol(token, ",")) {
      ranges.push([start, i]);
      start = i + 1;
    }
  }
  ranges.push([start, to]);
  return ranges;
}
