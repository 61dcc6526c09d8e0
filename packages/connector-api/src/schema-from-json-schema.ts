import type { Column, ConnectionSchema, SqlType } from "./connection-schema.js";
import { ConnectorError, isConnectorError } from "./errors.js";
import { sqlTypeKeyword } from "./json-schema-of.js";
import { kindOf } from "./kind-of.js";
import { parseSqlType } from "./sql-type.js";

type Node = Readonly<Record<string, unknown>>;

/** What a subschema allows: a type, and whether null is allowed beside it. */
interface Value {
  readonly type: SqlType;
  readonly nullable: boolean;
}

/** What a document may ask for: a few short definitions that refer to each other stand for billions of columns. */
const maxDepth = 64;
const maxNodes = 10_000;

interface Reading {
  /** The document, for `$ref`. */
  readonly root: Node;
  /** The pointers that are being read, to notice a type that holds itself. */
  readonly open: readonly string[];
  readonly depth: number;
  /** Subschemas read so far, those behind a `$ref` each time. */
  readonly nodes: { count: number };
}

const strings: Readonly<Record<string, SqlType>> = {
  uuid: { kind: "uuid" },
  date: { kind: "date" },
  "date-time": { kind: "timestamp", precision: 3 },
};

/**
 * The schema of the objects that a JSON Schema (2020-12) describes: one column per property. A property that is required
 * and not null is NOT NULL; an object or array that says nothing about its content, and `{}`, are JSON; integers without
 * a format or bounds are BIGINT. Local `$ref`s are followed. Throws SCHEMA_INVALID with the JSON pointer of what has no
 * SQL type: unions, tuples, `allOf`, recursion, a root that is no object with properties, more than 64 levels or 10,000
 * subschemas.
 */
export function schemaFromJsonSchema(schema: unknown): ConnectionSchema {
  const root = nodeAt(schema, "#");
  const { type } = readNode(root, "#", { root, open: [], depth: 0, nodes: { count: 0 } });
  if (type.kind === "struct") return { columns: type.fields };
  throw invalid("#", "the root must be an object with properties");
}

function readValue(value: unknown, at: string, reading: Reading): Value {
  if (value === true) return { type: { kind: "json" }, nullable: true };
  const { depth, nodes } = reading;
  if (depth === maxDepth) throw invalid(at, `nested deeper than ${maxDepth} levels`);
  if (++nodes.count > maxNodes) throw invalid(at, `more than ${maxNodes} subschemas`);
  return readNode(nodeAt(value, at), at, { ...reading, depth: depth + 1 });
}

function readNode(node: Node, at: string, reading: Reading): Value {
  const annotated = node[sqlTypeKeyword];
  if (annotated !== undefined)
    return { type: annotatedType(annotated, at), nullable: typesOf(node, at).includes("null") };
  if (node.$ref !== undefined) return readReference(node.$ref, at, reading);
  for (const keyword of ["anyOf", "oneOf"])
    if (node[keyword] !== undefined) return readUnion(node, keyword, at, reading);
  for (const keyword of ["allOf", "if", "prefixItems", "$dynamicRef"]) {
    if (node[keyword] !== undefined) throw invalid(`${at}/${keyword}`, "has no SQL type");
  }
  const types = typesOf(node, at);
  const [type, second] = types.filter((one) => one !== "null");
  if (second !== undefined) throw invalid(`${at}/type`, `a union of ${types.join(", ")} has no SQL type`);
  if (type !== undefined) return { type: typeOf(type, node, at, reading), nullable: types.includes("null") };
  if (types.length > 0) throw invalid(`${at}/type`, "null alone has no SQL type");
  const notNull = JSON.stringify(node.not) === '{"type":"null"}';
  if (node.not !== undefined && !notNull) throw invalid(`${at}/not`, "has no SQL type");
  return { type: { kind: "json" }, nullable: !notNull };
}

function typeOf(type: string, node: Node, at: string, reading: Reading): SqlType {
  switch (type) {
    case "boolean":
      return { kind: "boolean" };
    case "integer":
      return integerOf(node);
    case "number":
      return { kind: "float", bits: node.format === "float" ? 32 : 64 };
    case "string":
      if (node.contentEncoding === "base64") return { kind: "bytes" };
      return (typeof node.format === "string" && Object.hasOwn(strings, node.format) && strings[node.format]) || text;
    case "array":
      if (node.items === undefined) return { kind: "json" };
      return { kind: "array", element: readValue(node.items, `${at}/items`, reading).type };
    case "object":
      return structOf(node, at, reading);
    default:
      throw invalid(`${at}/type`, `unknown type "${type}"`);
  }
}

const text: SqlType = { kind: "text" };

function structOf(node: Node, at: string, reading: Reading): SqlType {
  if (node.properties === undefined) return { kind: "json" };
  const properties = nodeAt(node.properties, `${at}/properties`);
  const required = new Set(Array.isArray(node.required) ? node.required : []);
  const fields = Object.entries(properties).map(([name, property]): Column => {
    const { type, nullable } = readValue(property, `${at}/properties/${escapePointer(name)}`, reading);
    return { name, type, nullable: nullable || !required.has(name) };
  });
  if (fields.length === 0) throw invalid(`${at}/properties`, "an object needs a property to become columns");
  return { kind: "struct", fields };
}

/** By the format where there is one, else the smallest signed type that holds both bounds, else 64 bits. */
function integerOf({ format, minimum, maximum }: Node): SqlType {
  const [, sign, digits] = /^(u?)int(16|32|64)$/.exec(String(format)) ?? [];
  if (digits !== undefined) return { kind: "integer", bits: Number(digits) as 16 | 32 | 64, unsigned: sign === "u" };
  const holds = (bits: number): boolean =>
    typeof minimum === "number" &&
    typeof maximum === "number" &&
    minimum >= -(2 ** (bits - 1)) &&
    maximum < 2 ** (bits - 1);
  return { kind: "integer", bits: holds(16) ? 16 : holds(32) ? 32 : 64, unsigned: false };
}

function readUnion(node: Node, keyword: string, at: string, reading: Reading): Value {
  const parts = node[keyword];
  const others = Array.isArray(parts) ? parts.map((part, i) => ({ part, i })).filter(({ part }) => !isNull(part)) : [];
  const [only, second] = others;
  if (only === undefined || second !== undefined) {
    throw invalid(`${at}/${keyword}`, "only a type beside null has a SQL type");
  }
  const value = readValue(only.part, `${at}/${keyword}/${only.i}`, reading);
  return { type: value.type, nullable: value.nullable || others.length < (parts as readonly unknown[]).length };
}

function isNull(part: unknown): boolean {
  return kindOf(part) === "object" && (part as Node).type === "null";
}

function readReference(reference: unknown, at: string, reading: Reading): Value {
  if (typeof reference !== "string" || !/^#(\/|$)/.test(reference)) {
    throw invalid(`${at}/$ref`, "only references within the document are followed");
  }
  if (reading.open.includes(reference)) throw invalid(`${at}/$ref`, "a type that holds itself has no SQL type");
  let target: unknown = reading.root;
  for (const part of reference.split("/").slice(1)) {
    const key = unescapePointer(part, at);
    target = Object.hasOwn(Object(target), key) ? (target as Node)[key] : undefined;
  }
  if (target === undefined) throw invalid(`${at}/$ref`, `there is no ${reference}`);
  return readValue(target, reference, { ...reading, open: [...reading.open, reference] });
}

/** The words of `type`; those of the values where there is only an enum or a const. */
function typesOf(node: Node, at: string): readonly string[] {
  const { type } = node;
  if (typeof type === "string") return [type];
  if (Array.isArray(type) && type.every((one) => typeof one === "string")) return type;
  if (type !== undefined) throw invalid(`${at}/type`, `expected a word or a list of words, got ${kindOf(type)}`);
  const values = "const" in node ? [node.const] : Array.isArray(node.enum) ? node.enum : [];
  return [...new Set(values.map(kindOf))];
}

function annotatedType(annotated: unknown, at: string): SqlType {
  try {
    return parseSqlType(String(annotated));
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    throw invalid(`${at}/${sqlTypeKeyword}`, error.message);
  }
}

function nodeAt(value: unknown, at: string): Node {
  if (kindOf(value) === "object") return value as Node;
  throw invalid(at, `expected a schema, got ${value === false ? "false, which nothing fits" : kindOf(value)}`);
}

function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** A part of a pointer as it stands in a URI fragment. */
function unescapePointer(part: string, at: string): string {
  try {
    return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    throw invalid(`${at}/$ref`, `"${part}" is no part of a URI fragment`);
  }
}

function invalid(at: string, message: string): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", `JSON Schema ${at}: ${message}`, { context: { path: at } });
}
