import { type Column, ConnectorError, type SqlType } from "@x/connector-api";
import { timestampUnit } from "../values/timestamp.js";
import { isAvroName } from "./schema-model.js";

/**
 * The Avro schema of columns, as JSON text: a record `name` whose nullable fields are unions with null first. JSON
 * columns are strings marked with the logical type `json`, which others read as the plain strings they are.
 */
export function deriveAvroSchema(columns: readonly Column[], name = "row"): string {
  return JSON.stringify(recordOf(columns, name));
}

function recordOf(columns: readonly Column[], name: string): object {
  const fields = columns.map((column) => {
    if (!isAvroName(column.name)) {
      throw new ConnectorError(
        "SCHEMA_INVALID",
        `column "${column.name}": Avro names are letters, digits and _; rename the column`,
        { context: { column: column.name } },
      );
    }
    const type = typeOf(column.type, `${name}_${column.name}`);
    return column.nullable ? { name: column.name, type: ["null", type], default: null } : { name: column.name, type };
  });
  return { type: "record", name, fields };
}

const timestamps = { ms: "timestamp-millis", us: "timestamp-micros", ns: "timestamp-nanos" } as const;

function typeOf(type: SqlType, name: string): unknown {
  switch (type.kind) {
    case "boolean":
      return "boolean";
    case "integer":
      if (type.bits === 64 && type.unsigned) return { type: "bytes", logicalType: "decimal", precision: 20, scale: 0 };
      return type.bits === 64 || (type.bits === 32 && type.unsigned) ? "long" : "int";
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
    case "timestamp":
      return { type: "long", logicalType: timestamps[timestampUnit(type.precision)] };
    case "json":
      return { type: "string", logicalType: "json" };
    case "array":
      return { type: "array", items: ["null", typeOf(type.element, `${name}_item`)] };
    case "struct":
      return recordOf(type.fields, name);
  }
}
