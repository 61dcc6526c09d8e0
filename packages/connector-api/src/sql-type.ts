import type { Column, SqlType } from "./connection-schema.js";
import { didYouMean } from "./did-you-mean.js";
import { ConnectorError, isConnectorError } from "./errors.js";
import { type SqlToken, SqlTokens } from "./sql-tokens.js";

/** Types that are one word without parameters. FLOAT has 32 bits, as in Arroyo and DuckDB. */
const words: Readonly<Record<string, SqlType>> = {
  BOOLEAN: { kind: "boolean" },
  SMALLINT: { kind: "integer", bits: 16, unsigned: false },
  INT: { kind: "integer", bits: 32, unsigned: false },
  INTEGER: { kind: "integer", bits: 32, unsigned: false },
  BIGINT: { kind: "integer", bits: 64, unsigned: false },
  REAL: { kind: "float", bits: 32 },
  FLOAT: { kind: "float", bits: 32 },
  DOUBLE: { kind: "float", bits: 64 },
  TEXT: { kind: "text" },
  VARCHAR: { kind: "text" },
  UUID: { kind: "uuid" },
  BYTEA: { kind: "bytes" },
  DATE: { kind: "date" },
  TIME: { kind: "time" },
  JSON: { kind: "json" },
};

/** Arrays and structs within each other: everything that walks over a type is recursive. */
const maxTypeDepth = 64;

const typeNames = [...Object.keys(words), "DECIMAL", "NUMERIC", "TIMESTAMP", "STRUCT"];

/**
 * Reads a SQL type: `BIGINT`, `INT UNSIGNED`, `DECIMAL(10, 2)`, `TIMESTAMP(6)`, `TEXT[]`, `STRUCT<a INT NOT NULL, b TEXT>`.
 * Keywords in any case. Throws SCHEMA_INVALID for everything else; the message names the part that is wrong.
 */
export function parseSqlType(text: string): SqlType {
  const tokens = new SqlTokens(text);
  const type = readType(tokens);
  tokens.end(`"[]" or the end of the type`);
  return type;
}

/**
 * Reads what stands behind a column's name: a type, then `NOT NULL` and `METADATA FROM 'key'` in any order.
 * Throws SCHEMA_INVALID naming the column.
 */
export function parseColumn(name: string, text: string): Column {
  try {
    const tokens = new SqlTokens(text);
    const type = readType(tokens);
    let nullable = true;
    let metadataKey: string | undefined;
    while (!tokens.done) {
      if (tokens.takeWord("NOT")) {
        tokens.expectWord("NULL");
        nullable = false;
      } else if (metadataKey === undefined && tokens.takeWord("METADATA")) {
        tokens.expectWord("FROM");
        metadataKey = tokens.expect("string", "the metadata key in quotes, as in METADATA FROM 'subject'").text;
      } else tokens.end("NOT NULL, METADATA FROM 'key' or the end");
    }
    return { name, type, nullable, ...(metadataKey === undefined ? {} : { metadataKey }) };
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    throw new ConnectorError("SCHEMA_INVALID", `column "${name}": ${error.message}`, { cause: error });
  }
}

/** The canonical text of a type: {@link parseSqlType} reads it back as an equal type. */
export function printSqlType(type: SqlType): string {
  switch (type.kind) {
    case "integer":
      return `${type.bits === 64 ? "BIGINT" : type.bits === 32 ? "INT" : "SMALLINT"}${type.unsigned ? " UNSIGNED" : ""}`;
    case "float":
      return type.bits === 64 ? "DOUBLE" : "REAL";
    case "decimal":
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case "bytes":
      return "BYTEA";
    case "timestamp":
      return type.precision === 3 ? "TIMESTAMP" : `TIMESTAMP(${type.precision})`;
    case "array":
      return `${printSqlType(type.element)}[]`;
    case "struct":
      return `STRUCT<${type.fields.map(printField).join(", ")}>`;
    default:
      return type.kind.toUpperCase();
  }
}

function printField(field: Column): string {
  const name = /^[A-Za-z_][A-Za-z0-9_]*$/.test(field.name) ? field.name : `"${field.name.replaceAll('"', '""')}"`;
  return `${name} ${printSqlType(field.type)}${field.nullable ? "" : " NOT NULL"}`;
}

function readType(tokens: SqlTokens, outer = 0): SqlType {
  let depth = outer + 1;
  if (depth > maxTypeDepth) throw tooDeep();
  let type = readSimpleType(tokens, depth);
  while (tokens.takeSymbol("[")) {
    tokens.expectSymbol("]");
    if (++depth > maxTypeDepth) throw tooDeep();
    type = { kind: "array", element: type };
  }
  return type;
}

function tooDeep(): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", `the type is nested deeper than ${maxTypeDepth} levels`);
}

function readSimpleType(tokens: SqlTokens, depth: number): SqlType {
  const token = tokens.expect("word", "a type");
  const name = token.text.toUpperCase();
  switch (name) {
    case "DECIMAL":
    case "NUMERIC":
      return readDecimal(tokens, name);
    case "TIMESTAMP":
      return readTimestamp(tokens);
    case "STRUCT":
      return readStruct(tokens, depth);
    case "VARCHAR":
    case "TEXT":
      if (tokens.peekSymbol("(")) {
        throw new ConnectorError(
          "SCHEMA_INVALID",
          `${name} takes no length, because a length would not be enforced; write ${name}`,
        );
      }
      return { kind: "text" };
    case "DOUBLE":
      tokens.takeWord("PRECISION");
      return { kind: "float", bits: 64 };
  }
  const type = Object.hasOwn(words, name) ? words[name] : undefined;
  if (type === undefined) throw unknownType(token);
  if (type.kind === "integer" && tokens.takeWord("UNSIGNED")) return { ...type, unsigned: true };
  return type;
}

function readDecimal(tokens: SqlTokens, name: string): SqlType {
  if (!tokens.takeSymbol("(")) {
    throw new ConnectorError("SCHEMA_INVALID", `${name} needs a precision and a scale, as in ${name}(18, 2)`);
  }
  const precision = tokens.expectInt("a precision", 1, 38);
  const scale = tokens.takeSymbol(",") ? tokens.expectInt("a scale", 0, precision) : 0;
  tokens.expectSymbol(")");
  return { kind: "decimal", precision, scale };
}

function readTimestamp(tokens: SqlTokens): SqlType {
  if (!tokens.takeSymbol("(")) return { kind: "timestamp", precision: 3 };
  const precision = tokens.expectInt("a precision", 0, 9);
  tokens.expectSymbol(")");
  return { kind: "timestamp", precision };
}

function readStruct(tokens: SqlTokens, depth: number): SqlType {
  tokens.expectSymbol("<");
  const fields: Column[] = [];
  do {
    const { text: name } = tokens.expectName("a field name");
    if (fields.some((field) => field.name === name)) {
      throw new ConnectorError("SCHEMA_INVALID", `STRUCT has the field "${name}" twice`);
    }
    const type = readType(tokens, depth);
    const notNull = tokens.takeWord("NOT");
    if (notNull) tokens.expectWord("NULL");
    fields.push({ name, type, nullable: !notNull });
  } while (tokens.takeSymbol(","));
  tokens.expectSymbol(">");
  return { kind: "struct", fields };
}

function unknownType(token: SqlToken): ConnectorError {
  const suggestion =
    didYouMean(token.text.toUpperCase(), typeNames) || `; the types are ${typeNames.join(", ")} and T[]`;
  return new ConnectorError("SCHEMA_INVALID", `unknown type "${token.text}"${suggestion}`);
}
