import { type Column, type ConnectionSchema, ConnectorError, kindOf, type SqlType } from "@x/connector-api";
import type { JsonWriting } from "./column-writers.js";

/** The `payload` of a Kafka Connect envelope. BAD_DATA when the document has none. */
export function payloadOf(document: unknown): unknown {
  if (kindOf(document) === "object" && Object.hasOwn(document as object, "payload")) {
    return (document as { readonly payload: unknown }).payload;
  }
  throw new ConnectorError("BAD_DATA", `the payload: expected a JSON object with "schema" and "payload"`);
}

/** The `schema` of a Kafka Connect envelope, as its JSON converter writes it. */
export function connectSchema(schema: ConnectionSchema, writing: JsonWriting): object {
  return { type: "struct", fields: schema.columns.map((column) => fieldOf(column, writing)), optional: false };
}

function fieldOf(column: Column, writing: JsonWriting): object {
  return { ...typeOf(column.type, writing), optional: column.nullable, field: column.name };
}

function typeOf(type: SqlType, writing: JsonWriting): object {
  switch (type.kind) {
    case "boolean":
      return { type: "boolean" };
    case "integer":
      return { type: type.bits === 64 || type.unsigned ? "int64" : type.bits === 32 ? "int32" : "int16" };
    case "float":
      return { type: type.bits === 64 ? "double" : "float" };
    case "decimal": {
      if (writing.decimalEncoding === "string") return { type: "string" };
      if (writing.decimalEncoding === "number") return { type: "double" };
      const name = "org.apache.kafka.connect.data.Decimal";
      return { type: "bytes", name, version: 1, parameters: { scale: String(type.scale) } };
    }
    case "timestamp":
      return writing.timestampFormat === "unix_millis"
        ? { type: "int64", name: "org.apache.kafka.connect.data.Timestamp", version: 1 }
        : { type: "string" };
    case "bytes":
      return { type: "bytes" };
    case "array":
      return { type: "array", items: { ...typeOf(type.element, writing), optional: true } };
    case "struct":
      return { type: "struct", fields: type.fields.map((field) => fieldOf(field, writing)) };
    default:
      return { type: "string" };
  }
}

/** The JSON Schema of columns, for a registry. */
export function jsonSchemaOf(schema: ConnectionSchema): object {
  return { $schema: "http://json-schema.org/draft-07/schema#", ...objectOf(schema.columns) };
}

function objectOf(columns: readonly Column[]): object {
  const properties = columns.map(({ name, type, nullable }) => {
    const one = jsonType(type);
    return [name, nullable ? { oneOf: [{ type: "null" }, one] } : one] as const;
  });
  const required = columns.filter((column) => !column.nullable).map((column) => column.name);
  return { type: "object", properties: Object.fromEntries(properties), ...(required.length > 0 && { required }) };
}

function jsonType(type: SqlType): object {
  switch (type.kind) {
    case "boolean":
      return { type: "boolean" };
    case "integer":
      return { type: "integer" };
    case "float":
      return { type: "number" };
    case "decimal":
      return { type: ["number", "string"] };
    case "timestamp":
      return { type: ["string", "integer"] };
    case "json":
      return {};
    case "array":
      return { type: "array", items: { oneOf: [{ type: "null" }, jsonType(type.element)] } };
    case "struct":
      return objectOf(type.fields);
    default:
      return { type: "string" };
  }
}
