import { type Column, type ConnectionSchema, physicalSchema, type SqlType } from "./connection-schema.js";
import type { JsonObject } from "./row.js";
import { printSqlType } from "./sql-type.js";

/** The keyword that carries a SQL type which JSON Schema (or Avro) has no word for; who does not know it ignores it. */
export const sqlTypeKeyword = "x-sql-type";

/**
 * The JSON Schema (2020-12) of what the format `json` writes for a schema by default: one object, its properties in
 * declared order, NOT NULL columns required. Metadata columns are no part of a payload and left out.
 * `schemaFromJsonSchema` reads it back as an equal schema.
 */
export function jsonSchemaOf(schema: ConnectionSchema): JsonObject {
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...objectOf(physicalSchema(schema).columns) };
}

function objectOf(columns: readonly Column[]): JsonObject {
  const required = columns.filter((column) => !column.nullable).map((column) => column.name);
  return {
    type: "object",
    // Object.fromEntries defines own properties, `__proto__` included.
    properties: Object.fromEntries(columns.map(({ name, type, nullable }) => [name, valueSchemaOf(type, nullable)])),
    ...(required.length > 0 ? { required } : {}),
  };
}

function valueSchemaOf(type: SqlType, nullable: boolean): JsonObject {
  if (type.kind === "json") return nullable ? {} : { not: { type: "null" } };
  const value = typeSchemaOf(type);
  return nullable ? { ...value, type: [value.type ?? "string", "null"] } : value;
}

/** Always with one word as `type`. */
function typeSchemaOf(type: Exclude<SqlType, { kind: "json" }>): JsonObject {
  const annotated = { [sqlTypeKeyword]: printSqlType(type) };
  switch (type.kind) {
    case "boolean":
      return { type: "boolean" };
    case "integer":
      return integerOf(type.bits, type.unsigned);
    case "float":
      return { type: "number", format: type.bits === 32 ? "float" : "double" };
    case "decimal":
      return { type: "number", ...annotated };
    case "text":
      return { type: "string" };
    case "uuid":
    case "date":
      return { type: "string", format: type.kind };
    case "bytes":
      return { type: "string", contentEncoding: "base64" };
    case "time":
      // The format "time" demands an offset, which a TIME does not have.
      return { type: "string", ...annotated };
    case "timestamp":
      return { type: "string", format: "date-time", ...(type.precision === 3 ? {} : annotated) };
    case "array":
      return { type: "array", items: valueSchemaOf(type.element, true) };
    case "struct":
      return objectOf(type.fields);
  }
}

function integerOf(bits: 16 | 32 | 64, unsigned: boolean): JsonObject {
  const format = `${unsigned ? "uint" : "int"}${bits}`;
  // The bounds of 64 bits are no exact JSON numbers for most readers.
  if (bits === 64) return { type: "integer", format };
  const minimum = unsigned ? 0 : -(2 ** (bits - 1));
  return { type: "integer", format, minimum, maximum: 2 ** (unsigned ? bits : bits - 1) - 1 };
}
