import {
  type Column,
  type ConnectionSchema,
  ConnectorError,
  isConnectorError,
  type JsonObject,
  parseSqlType,
  physicalSchema,
  type SqlType,
} from "@x/connector-api";
import { deriveAvroSchema } from "./derived-schema.js";
import {
  type AvroLogical,
  type AvroNode,
  type AvroRecord,
  isNullable,
  nullableBranch,
  parseAvroSchema,
} from "./schema-model.js";

/**
 * The Avro schema of what the format `avro` writes for a schema by default: a record called `name`, nullable columns as
 * unions with null. Metadata columns are no part of a payload and left out. {@link schemaFromAvro} reads it back as an
 * equal schema. Throws SCHEMA_INVALID for a column name that Avro does not allow.
 */
export function avroSchemaOf(schema: ConnectionSchema, name = "row"): JsonObject {
  return JSON.parse(deriveAvroSchema(physicalSchema(schema).columns, name)) as JsonObject;
}

/**
 * The schema of the records that an Avro schema describes (its JSON, as text or parsed): one column per field, NOT NULL
 * where the field takes no null. `references` are the texts of schemas whose names it uses. Maps, unions of several
 * types, records without fields and records within themselves are JSON columns.
 * Throws SCHEMA_INVALID for what is no Avro schema, no record, or a decimal of more than 38 digits.
 */
export function schemaFromAvro(schema: string | JsonObject, references: readonly string[] = []): ConnectionSchema {
  const text = typeof schema === "string" ? schema : JSON.stringify(schema);
  const node = parseAvroSchema(text, "the Avro schema", references);
  const type = typeOf(node, "", { open: [], budget: { left: maxNodes } });
  if (type.kind === "struct" && node.kind === "record") return { columns: type.fields };
  throw new ConnectorError("SCHEMA_INVALID", `the Avro schema: expected a record with fields, got ${node.kind}`);
}

const json: SqlType = { kind: "json" };

/** A type that is used in many places is unfolded in each of them: more is a schema that only blows up. */
const maxNodes = 10_000;

interface Unfolding {
  /** The records around the node, to notice one that holds itself. */
  readonly open: readonly AvroRecord[];
  readonly budget: { left: number };
}

function typeOf(node: AvroNode, path: string, unfolding: Unfolding): SqlType {
  if (--unfolding.budget.left < 0) throw invalid(path, `unfolds to more than ${maxNodes} types`);
  const { open } = unfolding;
  switch (node.kind) {
    case "fixed":
      return logicalTypeOf(node.logical, path) ?? { kind: "bytes" };
    case "enum":
      return { kind: "text" };
    case "array":
      return { kind: "array", element: typeOf(nullableBranch(node.items) ?? node.items, `${path}[]`, unfolding) };
    case "union": {
      const inner = nullableBranch(node);
      return inner === undefined ? json : typeOf(inner, path, unfolding);
    }
    case "record": {
      if (node.fields.length === 0 || open.includes(node)) return json;
      const inside = { ...unfolding, open: [...open, node] };
      return { kind: "struct", fields: node.fields.map((field) => columnOf(field, path, inside)) };
    }
    case "map":
    case "null":
      return json;
    default:
      return annotatedType(node.sqlType, path) ?? logicalTypeOf(node.logical, path) ?? primitives[node.kind];
  }
}

const primitives = {
  boolean: { kind: "boolean" },
  int: { kind: "integer", bits: 32, unsigned: false },
  long: { kind: "integer", bits: 64, unsigned: false },
  float: { kind: "float", bits: 32 },
  double: { kind: "float", bits: 64 },
  bytes: { kind: "bytes" },
  string: { kind: "text" },
} as const satisfies { [kind: string]: SqlType };

function columnOf({ name, node }: AvroRecord["fields"][number], path: string, unfolding: Unfolding): Column {
  return { name, type: typeOf(node, path === "" ? name : `${path}.${name}`, unfolding), nullable: isNullable(node) };
}

const duration: SqlType = {
  kind: "struct",
  fields: ["months", "days", "millis"].map((name) => ({
    name,
    type: { kind: "integer", bits: 32, unsigned: true },
    nullable: false,
  })),
};

function logicalTypeOf(logical: AvroLogical | undefined, path: string): SqlType | undefined {
  switch (logical?.name) {
    case undefined:
      return undefined;
    case "decimal":
      if (logical.precision > 38) throw invalid(path, `a decimal of ${logical.precision} digits; DECIMAL holds 38`);
      return { kind: "decimal", precision: logical.precision, scale: logical.scale };
    case "date":
      return { kind: "date" };
    case "time-millis":
    case "time-micros":
      return { kind: "time" };
    case "timestamp-millis":
      return { kind: "timestamp", precision: 3 };
    case "timestamp-micros":
      return { kind: "timestamp", precision: 6 };
    case "timestamp-nanos":
      return { kind: "timestamp", precision: 9 };
    case "uuid":
      return { kind: "uuid" };
    case "duration":
      return duration;
    case "json":
      return json;
  }
}

/** A schema of ours says more than Avro has words for. */
function annotatedType(text: string | undefined, path: string): SqlType | undefined {
  if (text === undefined) return undefined;
  try {
    return parseSqlType(text);
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    throw invalid(path, error.message);
  }
}

function invalid(path: string, message: string): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", `the Avro schema at "${path}": ${message}`, { context: { path } });
}
