import { type Column, ConnectorError, printSqlType, type SqlType, sqlTypeKeyword } from "@x/connector-api";
import { timestampUnit } from "../values/timestamp.js";
import { isAvroName } from "./schema-model.js";

/**
 * The Avro schema of columns, as JSON text: a record `name` whose nullable fields are unions with null first. JSON
 * columns are strings marked with the logical type `json`, which others read as the plain strings they are. What Avro
 * has no word for stands in an attribute of our own, which others ignore.
 */
export function deriveAvroSchema(columns: readonly Column[], name = "row"): string {
  return JSON.stringify(recordOf(columns, name, new Set()));
}

/** `taken` are the names of records so far: `a_b` may be a column's, and that of `b` within `a`. */
function recordOf(columns: readonly Column[], wanted: string, taken: Set<string>): object {
  let name = wanted;
  for (let n = 2; taken.has(name); n++) name = `${wanted}_${n}`;
  taken.add(name);
  const fields = columns.map((column) => {
    if (!isAvroName(column.name)) {
      throw new ConnectorError(
        "SCHEMA_INVALID",
        `column "${column.name}": Avro names are letters, digits and _; rename the column`,
        { context: { column: column.name } },
      );
    }
    const type = typeOf(column.type, `${wanted}_${column.name}`, taken);
    return column.nullable ? { name: column.name, type: ["null", type], default: null } : { name: column.name, type };
  });
  return { type: "record", name, fields };
}

const timestamps = { ms: "timestamp-millis", us: "timestamp-micros", ns: "timestamp-nanos" } as const;

function typeOf(type: SqlType, name: string, taken: Set<string>): unknown {
  const annotated = { [sqlTypeKeyword]: printSqlType(type) };
  switch (type.kind) {
    case "boolean":
      return "boolean";
    case "integer":
      if (!type.unsigned && type.bits !== 16) return type.bits === 64 ? "long" : "int";
      if (type.bits === 64) return { type: "bytes", logicalType: "decimal", precision: 20, scale: 0, ...annotated };
      return { type: type.bits === 32 ? "long" : "int", ...annotated };
    case "float":
      return type.bits === 64 ? "double" : "float";
    case "decimal":
      return { type: "bytes", logicalType: "decimal", precision: type.precision, scale: type.scale };
    case "text":
      return "string";
    case "uuid":
      return { type: "string", logicalType: "uuid" };
    case "bytes":
      return "bytes";
    case "date":
      return { type: "int", logicalType: "date" };
    case "time":
      return { type: "long", logicalType: "time-micros" };
    case "timestamp": {
      const timestamp = { type: "long", logicalType: timestamps[timestampUnit(type.precision)] };
      return type.precision % 3 === 0 && type.precision > 0 ? timestamp : { ...timestamp, ...annotated };
    }
    case "json":
      return { type: "string", logicalType: "json" };
    case "array":
      return { type: "array", items: ["null", typeOf(type.element, `${name}_item`, taken)] };
    case "struct":
      return recordOf(type.fields, name, taken);
  }
}
