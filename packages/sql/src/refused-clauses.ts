import type { SourcePlace } from "@x/connector-api";
import { isNode, type SyntaxNode } from "./select-grammar.js";
import { isWord, nesting, placeOf, type SqlToken } from "./sql-tokens.js";
import { unsupported } from "./statement-reader.js";

interface RefusedClause {
  /** Key in the parser's tree. */
  readonly key: string;
  /** Word in the text that the error points at. */
  readonly word: string | readonly string[];
  readonly message: string;
}

const perRow = "each row is computed from itself alone";

const ofQuery: readonly RefusedClause[] = [
  { key: "with", word: "WITH", message: "WITH (common table expressions) is not supported; write the SELECT directly" },
  { key: "order_by", word: "ORDER", message: "ORDER BY is not supported: a stream keeps its own order" },
  {
    key: "limit_clause",
    word: ["LIMIT", "OFFSET"],
    message: "LIMIT and OFFSET are not supported: a stream has no end; use --max-rows",
  },
  { key: "fetch", word: "FETCH", message: "FETCH FIRST is not supported: a stream has no end; use --max-rows" },
  { key: "locks", word: "FOR", message: "FOR UPDATE is not supported; leave it out" },
];

const ofSelect: readonly RefusedClause[] = [
  { key: "distinct", word: "DISTINCT", message: `SELECT DISTINCT is not supported: ${perRow}` },
  { key: "top", word: "TOP", message: "TOP is not supported: a stream has no end; use --max-rows" },
  { key: "into", word: "INTO", message: "SELECT … INTO is not supported; write INSERT INTO table SELECT …" },
  { key: "group_by", word: "GROUP", message: `GROUP BY is not supported: ${perRow}; aggregate downstream` },
  { key: "having", word: "HAVING", message: `HAVING is not supported: ${perRow}; filter with WHERE` },
  { key: "named_window", word: "WINDOW", message: "WINDOW is not supported: there are no windows over a stream" },
  { key: "qualify", word: "QUALIFY", message: "QUALIFY is not supported: there are no windows over a stream" },
];

const ofInsert: readonly RefusedClause[] = [
  { key: "on", word: "ON", message: "ON CONFLICT is not supported: a sink only appends" },
  { key: "returning", word: "RETURNING", message: "RETURNING is not supported; a bare SELECT prints rows" },
  { key: "overwrite", word: "OVERWRITE", message: "INSERT OVERWRITE is not supported; write INSERT INTO" },
];

const known = {
  query: { clauses: ofQuery, keys: ["body"] },
  select: {
    clauses: ofSelect,
    keys: ["select_token", "projection", "from", "selection", "flavor", "window_before_qualify", "top_before_distinct"],
  },
  insert: { clauses: ofInsert, keys: ["insert_token", "into", "table", "columns", "source", "has_table_keyword"] },
  table: {
    clauses: [{ key: "sample", word: "TABLESAMPLE", message: "TABLESAMPLE is not supported; filter with WHERE" }],
    keys: ["name", "alias"],
  },
} satisfies Record<string, { clauses: readonly RefusedClause[]; keys: readonly string[] }>;

/** Refuses by name each clause of a node that is not among those we run; a clause unknown to us is refused as well. */
export function refuseClauses(kind: keyof typeof known, node: SyntaxNode, tokens: readonly SqlToken[]): void {
  const { clauses, keys } = known[kind];
  for (const clause of clauses) {
    if (isPresent(node[clause.key])) throw unsupported(clause.message, placeOfWord(clause.word, tokens));
  }
  for (const [key, value] of Object.entries(node)) {
    if (clauses.some((clause) => clause.key === key) || (keys as readonly string[]).includes(key)) continue;
    if (!isPresent(value)) continue;
    const word = key.split("_", 1)[0]?.toUpperCase() ?? "";
    throw unsupported(
      `${key.toUpperCase().replaceAll("_", " ")} is not supported; leave it out`,
      placeOfWord(word, tokens),
    );
  }
}

/** Where a keyword stands outside brackets, else the whole statement's first line. */
export function placeOfWord(word: string | readonly string[], tokens: readonly SqlToken[]): SourcePlace {
  const index = indexOfWord(word, tokens);
  return placeOf(index < 0 ? tokens : tokens.slice(index, index + 1));
}

/** The first occurrence of a keyword (or one of several) outside brackets, from `start` on; -1 when there is none. */
export function indexOfWord(word: string | readonly string[], tokens: readonly SqlToken[], start = 0): number {
  const words = typeof word === "string" ? [word] : word;
  let depth = 0;
  return tokens.findIndex((token, index) => {
    depth += nesting(token);
    return index >= start && depth <= 0 && isWord(token, ...words);
  });
}

function isPresent(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "None") return false;
  if (Array.isArray(value)) return value.some(isPresent);
  if (isNode(value) && "Expressions" in value) return isPresent(value.Expressions);
  return true;
}
