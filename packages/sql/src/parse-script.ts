import { ConnectorError, didYouMean } from "@x/connector-api";
import { parseCreateTable, type TableDefinition } from "./create-table.js";
import { parseQuery, type QueryDefinition } from "./insert-select.js";
import { openSelectGrammar } from "./select-grammar.js";
import { isSymbol, isWord, placeOf, type SqlToken, tokenizeSql } from "./sql-tokens.js";
import { unsupported } from "./statement-reader.js";

/** The statements of a SQL text, in written order. */
export interface Script {
  readonly tables: readonly TableDefinition[];
  readonly queries: readonly QueryDefinition[];
}

const otherStatements: Readonly<Record<string, string>> = {
  WITH: "WITH (common table expressions) is not supported; write the SELECT directly",
  VALUES: "VALUES is not supported: rows come from a source table",
  FROM: "write SELECT … FROM …, in this order",
  "(": "write the SELECT without brackets around it",
  UPDATE: "UPDATE is not supported: a stream only grows",
  DELETE: "DELETE is not supported: a stream only grows",
  MERGE: "MERGE is not supported: a stream only grows",
  TRUNCATE: "TRUNCATE is not supported: a stream only grows",
  DROP: "DROP is not supported: tables live in this file alone; delete the statement",
  ALTER: "ALTER is not supported: tables live in this file alone; change the CREATE TABLE",
};
const foreignWords =
  "ANALYZE ATTACH BEGIN CALL COMMENT COMMIT COPY DECLARE DESCRIBE EXECUTE EXPLAIN EXPORT GRANT IMPORT";
const moreForeignWords =
  "INSTALL LOAD PIVOT PRAGMA PREPARE REFRESH REPLACE REVOKE ROLLBACK SET SHOW SUMMARIZE USE VACUUM";
const foreign = `${foreignWords} ${moreForeignWords}`.split(" ");

/**
 * Reads CREATE TABLE, INSERT INTO … SELECT and SELECT statements. Tables may stand behind the queries that use them.
 * Pure but for loading the grammar on the first call. Rejects with SQL_SYNTAX, SQL_UNSUPPORTED, SQL_INVALID or
 * SCHEMA_INVALID, always with a place.
 */
export async function parseScript(text: string): Promise<Script> {
  const statements = splitStatements(tokenizeSql(text));
  const tables: TableDefinition[] = [];
  const queryTokens: (readonly SqlToken[])[] = [];
  for (const tokens of statements) {
    if (isWord(tokens[0], "CREATE")) tables.push(parseTable(tokens, tables));
    else if (isWord(tokens[0], "INSERT", "SELECT")) queryTokens.push(tokens);
    else throw unknownStatement(tokens);
  }
  if (queryTokens.length > 0) await openSelectGrammar();
  return { tables, queries: queryTokens.map((tokens) => parseQuery(text, tokens, tables)) };
}

function parseTable(tokens: readonly SqlToken[], earlier: readonly TableDefinition[]): TableDefinition {
  const table = parseCreateTable(tokens);
  const same = earlier.find(({ name }) => name === table.name);
  if (same === undefined) return table;
  throw new ConnectorError("SQL_INVALID", `table "${table.name}" is declared twice, first on line ${same.place.line}`, {
    place: table.place,
  });
}

function splitStatements(tokens: readonly SqlToken[]): readonly (readonly SqlToken[])[] {
  const statements: SqlToken[][] = [[]];
  for (const token of tokens) {
    if (isSymbol(token, ";")) statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((statement) => statement.length > 0);
}

function unknownStatement(tokens: readonly SqlToken[]): ConnectorError {
  const first = tokens[0];
  const word = first?.text ?? "";
  const verb = first?.kind === "word" || first?.kind === "symbol" ? word.toUpperCase() : "";
  const place = placeOf(tokens.slice(0, 1));
  const message = Object.hasOwn(otherStatements, verb) ? otherStatements[verb] : undefined;
  if (message !== undefined) return unsupported(message, place);
  const statements = "CREATE TABLE, INSERT INTO … SELECT or SELECT";
  if (foreign.includes(verb)) return unsupported(`${verb} is not supported; the statements are ${statements}`, place);
  const hint = didYouMean(verb, ["CREATE", "INSERT", "SELECT"]);
  return new ConnectorError("SQL_SYNTAX", `expected ${statements}, found "${word}"${hint}`, { place });
}
