import type { DuckDBType } from "@duckdb/node-api";
import { type Column, printSqlType, type SqlType } from "@x/connector-api";
import type { DuckdbApi } from "./open-duckdb.js";

/** DuckDB's name of a type, as it stands in a CAST. */
export function duckdbTypeName(type: SqlType): string {
  switch (type.kind) {
    case "integer":
      return `${type.unsigned ? "U" : ""}${type.bits === 64 ? "BIGINT" : type.bits === 32 ? "INTEGER" : "SMALLINT"}`;
    case "float":
      return type.bits === 64 ? "DOUBLE" : "REAL";
    case "decimal":
      return `DECIMAL(${type.precision}, ${type.scale})`;
    case "bytes":
      return "BLOB";
    case "text":
      return "VARCHAR";
    case "timestamp":
      return type.precision <= 3 ? "TIMESTAMP_MS" : type.precision <= 6 ? "TIMESTAMP" : "TIMESTAMP_NS";
    case "array":
      return `${duckdbTypeName(type.element)}[]`;
    case "struct":
      return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${duckdbTypeName(field.type)}`).join(", ")})`;
    default:
      return type.kind.toUpperCase();
  }
}

/** The type as a user writes it in a CAST: our names where DuckDB has them too, else DuckDB's. */
export function castTypeName(type: SqlType): string {
  if (type.kind === "timestamp") return `TIMESTAMP(${type.precision})`;
  const foreign = type.kind === "struct" || type.kind === "array" || (type.kind === "integer" && type.unsigned);
  return foreign ? duckdbTypeName(type) : printSqlType(type);
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * The type in which a value crosses between JavaScript and DuckDB: text where DuckDB's own cast is exact and cheaper
 * than an object per value.
 */
export function wireType(type: SqlType): SqlType {
  switch (type.kind) {
    case "decimal":
    case "uuid":
    case "date":
    case "time":
    case "json":
      return { kind: "text" };
    case "array":
      return { kind: "array", element: wireType(type.element) };
    case "struct":
      return { kind: "struct", fields: type.fields.map((field) => ({ ...field, type: wireType(field.type) })) };
    default:
      return type;
  }
}

/** The type object of a {@link wireType}. */
export function createDuckdbType(api: DuckdbApi, type: SqlType): DuckDBType {
  switch (type.kind) {
    case "boolean":
      return api.BOOLEAN;
    case "integer":
      if (type.bits === 16) return type.unsigned ? api.USMALLINT : api.SMALLINT;
      if (type.bits === 32) return type.unsigned ? api.UINTEGER : api.INTEGER;
      return type.unsigned ? api.UBIGINT : api.BIGINT;
    case "float":
      return type.bits === 64 ? api.DOUBLE : api.FLOAT;
    case "bytes":
      return api.BLOB;
    case "timestamp":
      return type.precision <= 3 ? api.TIMESTAMP_MS : type.precision <= 6 ? api.TIMESTAMP : api.TIMESTAMP_NS;
    case "array":
      return api.LIST(createDuckdbType(api, type.element));
    case "struct":
      return api.STRUCT(
        Object.fromEntries(type.fields.map((field) => [field.name, createDuckdbType(api, field.type)])),
      );
    default:
      return api.VARCHAR;
  }
}

/**
 * The SQL type of a DuckDB result. `timestampPrecision` is what a plain TIMESTAMP stands for. A type that rows cannot
 * hold gives its name instead, for an error.
 */
export function sqlTypeOf(api: DuckdbApi, type: DuckDBType, timestampPrecision: 3 | 6): SqlType | string {
  const id = api.DuckDBTypeId;
  const integer = (bits: 16 | 32 | 64, unsigned: boolean): SqlType => ({ kind: "integer", bits, unsigned });
  switch (type.typeId) {
    case id.BOOLEAN:
      return { kind: "boolean" };
    case id.TINYINT:
    case id.SMALLINT:
      return integer(16, false);
    case id.INTEGER:
      return integer(32, false);
    case id.BIGINT:
      return integer(64, false);
    case id.UTINYINT:
    case id.USMALLINT:
      return integer(16, true);
    case id.UINTEGER:
      return integer(32, true);
    case id.UBIGINT:
      return integer(64, true);
    case id.FLOAT:
      return { kind: "float", bits: 32 };
    case id.DOUBLE:
      return { kind: "float", bits: 64 };
    case id.VARCHAR:
      return type.alias === "JSON" ? { kind: "json" } : { kind: "text" };
    case id.UUID:
      return { kind: "uuid" };
    case id.BLOB:
      return { kind: "bytes" };
    case id.DATE:
      return { kind: "date" };
    case id.TIME:
      return { kind: "time" };
    case id.TIMESTAMP_S:
    case id.TIMESTAMP_MS:
      return { kind: "timestamp", precision: 3 };
    case id.TIMESTAMP:
      return { kind: "timestamp", precision: timestampPrecision };
    case id.TIMESTAMP_TZ:
      return { kind: "timestamp", precision: 6 };
    case id.TIMESTAMP_NS:
      return { kind: "timestamp", precision: 9 };
    default:
      return nestedTypeOf(api, type, timestampPrecision);
  }
}

function nestedTypeOf(api: DuckdbApi, type: DuckDBType, timestampPrecision: 3 | 6): SqlType | string {
  if (type instanceof api.DuckDBDecimalType) return { kind: "decimal", precision: type.width, scale: type.scale };
  if (type instanceof api.DuckDBListType) {
    const element = sqlTypeOf(api, type.valueType, timestampPrecision);
    return typeof element === "string" ? `${element}[]` : { kind: "array", element };
  }
  if (type instanceof api.DuckDBStructType) {
    const fields: Column[] = [];
    for (const [i, name] of type.entryNames.entries()) {
      const entry = type.entryTypes[i];
      const field = entry === undefined ? "unknown" : sqlTypeOf(api, entry, timestampPrecision);
      if (typeof field === "string") return `STRUCT with ${field}`;
      fields.push({ name, type: field, nullable: true });
    }
    return { kind: "struct", fields };
  }
  return type.toString();
}
