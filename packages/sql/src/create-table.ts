import {
  type Column,
  type ConnectionSchema,
  ConnectorError,
  isConnectorError,
  type OptionEntry,
  parseSqlType,
  type SourcePlace,
  type SqlType,
} from "@x/connector-api";
import { isSymbol, isWord, nesting, placeOf, type SqlToken, textOf } from "./sql-tokens.js";
import { StatementReader, unsupported } from "./statement-reader.js";
import { parseTableOptions } from "./table-options.js";

/** One `CREATE TABLE`. Whether it is a source or a sink is for its connector to say. */
export interface TableDefinition {
  readonly name: string;
  readonly schema: ConnectionSchema;
  /** Where each column's name stands. */
  readonly columnPlaces: ReadonlyMap<string, SourcePlace>;
  /** In written order, values as text with `{{ VAR }}` unresolved. */
  readonly options: readonly OptionEntry[];
  /** Where the table's name stands. */
  readonly place: SourcePlace;
}

/** The grammar of a column behind its type; a type text ends before one of these words. */
const behindType = [
  "NOT NULL METADATA GENERATED PRIMARY DEFAULT UNIQUE CHECK REFERENCES COLLATE COMMENT CONSTRAINT AS AUTO_INCREMENT",
  "AUTOINCREMENT IDENTITY WATERMARK KEY",
]
  .join(" ")
  .split(" ");

/** Reads the tokens of a statement that begins with CREATE … TABLE. */
export function parseCreateTable(tokens: readonly SqlToken[]): TableDefinition {
  const reader = new StatementReader(tokens);
  reader.expectWords("CREATE");
  if (reader.peek() !== undefined && !reader.peekWords("TABLE")) {
    const kind = reader.peekWords("OR") ? "OR REPLACE" : reader.next("TABLE").text.toUpperCase();
    throw unsupported(`CREATE ${kind} is not supported; write CREATE TABLE … WITH (…)`, placeOf(tokens.slice(0, 2)));
  }
  reader.expectWords("TABLE");
  if (reader.takeWords("IF")) reader.expectWords("NOT", "EXISTS");
  const name = reader.expectName("a table name");
  if (isSymbol(reader.peek(), ".")) {
    throw unsupported("a table name has one part; leave out the schema", name.place);
  }
  refuseAs(reader);
  const { columns, columnPlaces } = readColumns(reader, name);
  refuseAs(reader);
  if (!reader.takeWords("WITH")) throw reader.unexpected(`WITH (connector = …) behind the columns of "${name.value}"`);
  const options = parseTableOptions(reader);
  reader.expectEnd('";" or the end of the statement');
  return { name: name.value, schema: { columns }, columnPlaces, options, place: name.place };
}

function refuseAs(reader: StatementReader): void {
  if (!reader.peekWords("AS")) return;
  throw unsupported(
    "CREATE TABLE … AS SELECT is not supported; declare the columns and write INSERT INTO … SELECT",
    reader.next("AS").place,
  );
}

function readColumns(reader: StatementReader, table: SqlToken) {
  const columns: Column[] = [];
  const columnPlaces = new Map<string, SourcePlace>();
  if (isWord(reader.peek(), "WITH") || reader.peek() === undefined) {
    throw new ConnectorError("SQL_INVALID", `table "${table.value}" needs its columns, as in (id BIGINT, note TEXT)`, {
      place: table.place,
    });
  }
  reader.expectSymbol("(", '"(" and the columns');
  do {
    refuseTableConstraint(reader);
    const name = reader.expectName("a column name");
    if (columnPlaces.has(name.value)) {
      throw new ConnectorError("SCHEMA_INVALID", `column "${name.value}" is declared twice`, { place: name.place });
    }
    columnPlaces.set(name.value, name.place);
    columns.push({ name: name.value, type: readType(reader, name), ...readAttributes(reader, name) });
  } while (reader.takeSymbol(","));
  reader.expectSymbol(")", '"," or ")"');
  return { columns, columnPlaces };
}

function readType(reader: StatementReader, column: SqlToken): SqlType {
  const tokens: SqlToken[] = [];
  let depth = 0;
  for (let token = reader.peek(); token !== undefined; token = reader.peek()) {
    const step = nesting(token, true);
    if (depth === 0 && (step < 0 || isSymbol(token, ",") || (tokens.length > 0 && isBehindType(reader, token)))) break;
    depth += step;
    tokens.push(reader.next("a type"));
  }
  if (tokens.length === 0) throw reader.unexpected(`a type for column "${column.value}"`);
  try {
    return parseSqlType(textOf(tokens));
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    throw new ConnectorError(error.code, `column "${column.value}": ${error.message}`, {
      cause: error,
      place: placeOf(tokens),
    });
  }
}

/** `TIMESTAMP WITH TIME ZONE` is a type (and an unknown one); `WITH (` are the options of a table without its ")". */
function isBehindType(reader: StatementReader, token: SqlToken): boolean {
  return isWord(token, ...behindType) || (isWord(token, "WITH") && isSymbol(reader.peek(1), "("));
}

function readAttributes(reader: StatementReader, column: SqlToken): { nullable: boolean; metadataKey?: string } {
  let nullable = true;
  let metadataKey: string | undefined;
  for (let token = reader.peek(); token !== undefined && !endsColumn(token); token = reader.peek()) {
    if (reader.takeWords("NOT", "NULL")) nullable = false;
    else if (reader.takeWords("NULL")) nullable = true;
    else if (metadataKey === undefined && reader.peekWords("METADATA")) metadataKey = readMetadata(reader);
    else if (metadataKey === undefined && reader.peekWords("GENERATED")) metadataKey = readGenerated(reader, column);
    else throw refusedAttribute(reader, token, column);
  }
  return metadataKey === undefined ? { nullable } : { nullable, metadataKey };
}

function endsColumn(token: SqlToken): boolean {
  return isSymbol(token, ",") || isSymbol(token, ")");
}

function readMetadata(reader: StatementReader): string {
  reader.expectWords("METADATA", "FROM");
  return reader.expectString("the metadata key in single quotes, as in METADATA FROM 'subject'").value;
}

function readGenerated(reader: StatementReader, column: SqlToken): string {
  reader.expectWords("GENERATED", "ALWAYS", "AS");
  reader.expectSymbol("(");
  if (!reader.takeWords("METADATA")) {
    throw unsupported(
      `column "${column.value}": only GENERATED ALWAYS AS (metadata('key')) STORED is supported; compute in the SELECT`,
      column.place,
    );
  }
  reader.expectSymbol("(");
  const key = reader.expectString("the metadata key in single quotes, as in metadata('subject')").value;
  reader.expectSymbol(")");
  reader.expectSymbol(")");
  if (!reader.takeWords("STORED")) reader.takeWords("VIRTUAL");
  return key;
}

function refuseTableConstraint(reader: StatementReader): void {
  const token = reader.peek();
  if (token === undefined || token.kind !== "word") return;
  if (reader.peekWords("WATERMARK", "FOR")) {
    throw unsupported("WATERMARK FOR is not supported: there are no windows over a stream; leave it out", token.place);
  }
  const opensList = isSymbol(reader.peek(1), "(");
  const constraint =
    reader.peekWords("PRIMARY", "KEY") || reader.peekWords("FOREIGN", "KEY")
      ? `${token.text.toUpperCase()} KEY`
      : opensList && isWord(token, "UNIQUE", "CHECK", "LIKE")
        ? token.text.toUpperCase()
        : isWord(token, "CONSTRAINT") && isWord(reader.peek(2), "PRIMARY", "FOREIGN", "UNIQUE", "CHECK")
          ? "CONSTRAINT"
          : undefined;
  if (constraint !== undefined) {
    throw unsupported(`${constraint} is not supported: a stream checks no keys; leave it out`, token.place);
  }
}

function refusedAttribute(reader: StatementReader, token: SqlToken, column: SqlToken): ConnectorError {
  const about = `column "${column.value}"`;
  if (isWord(token, "PRIMARY", "UNIQUE", "REFERENCES", "CHECK", "CONSTRAINT", "KEY")) {
    const name = isWord(token, "PRIMARY") ? "PRIMARY KEY" : token.text.toUpperCase();
    return unsupported(`${about}: ${name} is not supported: a stream checks no keys; leave it out`, token.place);
  }
  if (isWord(token, "DEFAULT", "AS", "COLLATE", "COMMENT", "AUTO_INCREMENT", "AUTOINCREMENT", "IDENTITY")) {
    const remedy = "compute the value in the SELECT, or leave it out";
    return unsupported(`${about}: ${token.text.toUpperCase()} is not supported; ${remedy}`, token.place);
  }
  if (isWord(token, "WATERMARK")) {
    return unsupported(`${about}: WATERMARK is not supported: there are no windows over a stream`, token.place);
  }
  return reader.unexpected(`NOT NULL, METADATA FROM 'key', "," or ")" behind the type of ${about}`);
}
