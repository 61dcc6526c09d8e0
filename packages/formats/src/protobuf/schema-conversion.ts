import { type Column, type ConnectionSchema, ConnectorError, physicalSchema, type SqlType } from "@x/connector-api";
import type { Field, Type } from "protobufjs";
import { loadProtobufjs, messageType, parseDescriptorSet, parseProtoText } from "./load-schema.js";
import { enumOf, hasPresence, isWrapper, messageOf, TIMESTAMP } from "./wire-values.js";

/** A type that is used in many places is unfolded in each of them: more is a schema that only blows up. */
const maxTypes = 10_000;

/**
 * The schema of a message: one column per field, under its proto name. `source` is `.proto` text, with the texts of its
 * imports by name, or the bytes of a FileDescriptorSet. A field that is always there (without presence, repeated, or
 * required) is NOT NULL. Maps, `Struct`, `Value`, `Any`, messages without fields and messages within themselves are JSON
 * columns; wrappers are what they wrap, enums TEXT, `Timestamp` is TIMESTAMP(9).
 * Rejects with SCHEMA_INVALID for what is no schema, or has no such message.
 */
export async function schemaFromProtobuf(
  source: string | Uint8Array,
  messageName: string,
  imports: Readonly<Record<string, string>> = {},
): Promise<ConnectionSchema> {
  const library = await loadProtobufjs();
  const what = "the Protobuf schema";
  const find = (name: string): Promise<string | undefined> =>
    Promise.resolve(Object.hasOwn(imports, name) ? imports[name] : undefined);
  const loaded =
    typeof source === "string"
      ? await parseProtoText(library, source, what, find)
      : await parseDescriptorSet(library, source, what);
  const type = messageType(loaded, messageName);
  const struct = structOf(type, { open: [], budget: { left: maxTypes } });
  if (struct.kind === "struct") return { columns: struct.fields };
  throw new ConnectorError("SCHEMA_INVALID", `message ${type.name}: expected fields, got none`);
}

interface Unfolding {
  /** The messages around the field, to notice one that holds itself. */
  readonly open: readonly Type[];
  readonly budget: { left: number };
}

const json: SqlType = { kind: "json" };

function structOf(type: Type, unfolding: Unfolding): SqlType {
  // Extensions have names that begin with a dot: they are others', and no part of the message.
  const own = type.fieldsArray.filter(({ name }) => !name.startsWith("."));
  if (own.length === 0 || unfolding.open.includes(type)) return json;
  const inside = { ...unfolding, open: [...unfolding.open, type] };
  return { kind: "struct", fields: own.map((field) => columnOf(field.resolve() as Field, inside)) };
}

function columnOf(field: Field, unfolding: Unfolding): Column {
  if (--unfolding.budget.left < 0)
    throw new ConnectorError("SCHEMA_INVALID", `the Protobuf schema unfolds to more than ${maxTypes} fields`);
  const type: SqlType = field.map ? json : typeOf(field, unfolding);
  return {
    name: field.name,
    type: field.repeated ? { kind: "array", element: type } : type,
    nullable: !field.required && hasPresence(field),
  };
}

const scalars: { readonly [wire: string]: SqlType } = {
  double: { kind: "float", bits: 64 },
  float: { kind: "float", bits: 32 },
  int32: { kind: "integer", bits: 32, unsigned: false },
  sint32: { kind: "integer", bits: 32, unsigned: false },
  sfixed32: { kind: "integer", bits: 32, unsigned: false },
  uint32: { kind: "integer", bits: 32, unsigned: true },
  fixed32: { kind: "integer", bits: 32, unsigned: true },
  int64: { kind: "integer", bits: 64, unsigned: false },
  sint64: { kind: "integer", bits: 64, unsigned: false },
  sfixed64: { kind: "integer", bits: 64, unsigned: false },
  uint64: { kind: "integer", bits: 64, unsigned: true },
  fixed64: { kind: "integer", bits: 64, unsigned: true },
  bool: { kind: "boolean" },
  string: { kind: "text" },
  bytes: { kind: "bytes" },
};

function typeOf(field: Field, unfolding: Unfolding): SqlType {
  const message = messageOf(field);
  if (message === undefined) return enumOf(field) === undefined ? (scalars[field.type] ?? json) : { kind: "text" };
  if (message.fullName === TIMESTAMP) return { kind: "timestamp", precision: 9 };
  if (isWrapper(message)) return typeOf((message.fieldsArray[0] as Field).resolve() as Field, unfolding);
  if (/^\.google\.protobuf\.(Duration|FieldMask)$/.test(message.fullName)) return { kind: "text" };
  return message.fullName.startsWith(".google.protobuf.") ? json : structOf(message, unfolding);
}

/**
 * A `.proto` text (proto3) whose message holds what a schema holds; `name` may begin with a package (`shop.Order`).
 * NOT NULL columns are fields without presence, others `optional`; DECIMAL, UUID, DATE and TIME are strings, TIMESTAMP is
 * `google.protobuf.Timestamp`, JSON is `google.protobuf.Value`. Metadata columns are left out. Protobuf knows no absent
 * list, no list of lists, and no message that must be there.
 * Throws SCHEMA_INVALID for a list of lists and for a name that Protobuf does not allow.
 */
export function protobufSchemaOf(schema: ConnectionSchema, name = "Row"): string {
  const parts = name.split(".");
  for (const part of parts) checkName(part, `the message name "${name}"`);
  const message = parts.pop() as string;
  const imports = new Set<string>();
  const body = printMessage(message, physicalSchema(schema).columns, "", imports);
  const head = ['syntax = "proto3";', ...(parts.length > 0 ? [`package ${parts.join(".")};`] : [])];
  return `${[...head, ...[...imports].map((file) => `import "google/protobuf/${file}.proto";`), body].join("\n")}\n`;
}

function printMessage(name: string, columns: readonly Column[], indent: string, imports: Set<string>): string {
  const taken = new Set(columns.map((column) => column.name));
  const lines: string[] = [];
  for (const [i, column] of columns.entries()) {
    checkName(column.name, `column "${column.name}"`);
    const isArray = column.type.kind === "array";
    const type = column.type.kind === "array" ? column.type.element : column.type;
    let word = wireTypeOf(type, column.name, imports);
    if (type.kind === "struct") {
      word = freeName(column.name, taken);
      lines.push(printMessage(word, type.fields, `${indent}  `, imports));
    }
    const isMessage = word.startsWith(".google.") || type.kind === "struct";
    const label = isArray ? "repeated " : column.nullable && !isMessage ? "optional " : "";
    lines.push(`${indent}  ${label}${word} ${column.name} = ${numberOf(i)};`);
  }
  return [`${indent}message ${name} {`, ...lines, `${indent}}`].join("\n");
}

/** 19000 to 19999 are Protobuf's own. */
function numberOf(index: number): number {
  return index < 18_999 ? index + 1 : index + 1001;
}

function wireTypeOf(type: SqlType, path: string, imports: Set<string>): string {
  switch (type.kind) {
    case "boolean":
      return "bool";
    case "integer":
      return `${type.unsigned ? "u" : ""}int${type.bits === 64 ? 64 : 32}`;
    case "float":
      return type.bits === 64 ? "double" : "float";
    case "bytes":
      return "bytes";
    case "timestamp":
      imports.add("timestamp");
      return ".google.protobuf.Timestamp";
    case "json":
      imports.add("struct");
      return ".google.protobuf.Value";
    case "array":
      throw new ConnectorError(
        "SCHEMA_INVALID",
        `column "${path}": Protobuf has no list of lists; make it JSON, or a list of STRUCT<…> with a list in it`,
        { context: { column: path } },
      );
    default:
      return "string";
  }
}

/** A name for the message of a column, in capitals as it is the custom, that no other name there is. */
function freeName(column: string, taken: Set<string>): string {
  const wanted = column.replace(/(^|_)([a-z])/g, (_, _underscore, letter: string) => letter.toUpperCase()) || "Nested";
  let name = wanted;
  for (let n = 2; taken.has(name); n++) name = `${wanted}${n}`;
  taken.add(name);
  return name;
}

function checkName(name: string, what: string): void {
  if (/^[A-Za-z_]\w*$/.test(name) && !["__proto__", "prototype", "constructor", "hasOwnProperty"].includes(name))
    return;
  throw new ConnectorError("SCHEMA_INVALID", `${what}: Protobuf names are letters, digits and _; rename it`);
}
