import { ConnectorError, kindOf, parseExactJson, sqlTypeKeyword } from "@x/connector-api";

/** What a logical type says about the type it annotates. An unknown or misplaced one is ignored, as the specification asks. */
export type AvroLogical =
  | { readonly name: "decimal"; readonly precision: number; readonly scale: number }
  | {
      readonly name:
        | "date"
        | "time-millis"
        | "time-micros"
        | "timestamp-millis"
        | "timestamp-micros"
        | "timestamp-nanos"
        | "uuid"
        | "duration"
        | "json";
    };

export type AvroPrimitive = "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string";

/** An Avro schema with its names resolved: a recursive schema is a graph with cycles. */
export type AvroNode =
  | {
      readonly kind: AvroPrimitive;
      readonly logical?: AvroLogical | undefined;
      /** The SQL type it was derived from, where Avro has no word for it. */
      readonly sqlType?: string | undefined;
    }
  | (AvroNamed & { readonly kind: "fixed"; readonly size: number; readonly logical?: AvroLogical | undefined })
  | AvroEnum
  | { readonly kind: "array"; readonly items: AvroNode }
  | { readonly kind: "map"; readonly values: AvroNode }
  | { readonly kind: "union"; readonly branches: readonly AvroNode[] }
  | AvroRecord;

/** Names in full: the namespace, a dot, the name. */
export interface AvroNamed {
  readonly name: string;
  readonly aliases: readonly string[];
}

export interface AvroEnum extends AvroNamed {
  readonly kind: "enum";
  readonly symbols: readonly string[];
  /** What a reader takes for a writer's symbol that it does not know. */
  readonly default: string | undefined;
}

export interface AvroRecord extends AvroNamed {
  readonly kind: "record";
  readonly fields: readonly AvroField[];
}

export interface AvroField {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly node: AvroNode;
  /** The JSON of its default, large integers as bigint; undefined when it has none. */
  readonly default: unknown;
}

const primitives: readonly string[] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;
const longestText = 1024 * 1024;
const maxDepth = 64;

/** Values that one record may hold without a count or a branch between them: more is a schema that only blows up. */
const maxFlatValues = 10_000;

type Json = { readonly [key: string]: unknown };

/**
 * Parses the JSON of an Avro schema. SCHEMA_INVALID naming the place inside for what is no schema, and for one made to
 * harm: over 1 MiB, nested deeper than 64, a record within itself without an end, or one that multiplies without data.
 * `what` says where the text came from, for the message; `references` are texts that define names it uses.
 */
export function parseAvroSchema(text: string, what: string, references: readonly string[] = []): AvroNode {
  const [json, ...imports] = [text, ...references].map((one) => parseText(one, what));
  const names = new Map<string, AvroNode>();
  const arrays: AvroNode[] = [];
  const reader = new SchemaReader(what, names, arrays);
  for (const one of imports) reader.read(one, "", "", 1);
  const node = reader.read(json, "", "", 1);
  for (const named of names.values()) flatValues(named, new Set(), what, new Map());
  if (arrays.some(isEmpty)) throw invalid(what, "", "has an array of values that take no bytes");
  return node;
}

function parseText(text: string, what: string): unknown {
  if (text.length > longestText) throw invalid(what, "", `is longer than ${longestText} characters`);
  try {
    const json = JSON.parse(text) as unknown;
    return /\d{16}/.test(text) ? parseExactJson(text) : json;
  } catch {
    throw invalid(what, "", 'is not JSON; expected an Avro schema like {"type": "record", …}');
  }
}

/** True for a name that Avro allows and that is safe as a key of a JavaScript object. */
export function isAvroName(name: string): boolean {
  return namePattern.test(name) && name !== "__proto__";
}

/** The name a value of this node has inside a union. */
export function branchName(node: AvroNode): string {
  return "name" in node ? node.name : node.kind;
}

/** `[null, X]` or `[X, null]`: X. Every other union is undefined. */
export function nullableBranch(node: AvroNode): AvroNode | undefined {
  if (node.kind !== "union" || node.branches.length !== 2) return undefined;
  const [first, second] = node.branches as readonly [AvroNode, AvroNode];
  return first.kind === "null" ? second : second.kind === "null" ? first : undefined;
}

/** True for a node that takes null. */
export function isNullable(node: AvroNode): boolean {
  return node.kind === "null" || (node.kind === "union" && node.branches.some((branch) => branch.kind === "null"));
}

class SchemaReader {
  readonly #what: string;
  readonly #names: Map<string, AvroNode>;
  readonly #items: AvroNode[];

  constructor(what: string, names: Map<string, AvroNode>, items: AvroNode[]) {
    this.#what = what;
    this.#names = names;
    this.#items = items;
  }

  read(json: unknown, namespace: string, path: string, depth: number): AvroNode {
    if (depth > maxDepth) throw this.#invalid(path, `is nested deeper than ${maxDepth} levels`);
    if (typeof json === "string") return this.#reference(json, namespace, path);
    if (Array.isArray(json)) {
      const branches = json.map((branch, i) => this.read(branch, namespace, `${path}[${i}]`, depth + 1));
      return { kind: "union", branches };
    }
    if (kindOf(json) !== "object") throw this.#invalid(path, `expected a type, got ${kindOf(json)}`);
    const attributes = json as Json;
    const { type } = attributes;
    if (typeof type !== "string") return this.read(type, namespace, `${path}.type`, depth + 1);
    switch (type) {
      case "record":
      case "error":
        return this.#record(attributes, namespace, path, depth);
      case "enum": {
        const { symbols } = attributes;
        if (!Array.isArray(symbols) || !symbols.every((symbol) => typeof symbol === "string" && isAvroName(symbol)))
          throw this.#invalid(`${path}.symbols`, "expected an array of names");
        const named = this.#namedOf(attributes, namespace, path);
        const fallback = symbols.includes(attributes.default) ? (attributes.default as string) : undefined;
        return this.#define({ kind: "enum", ...named, symbols: symbols as string[], default: fallback }, path);
      }
      case "fixed": {
        const { size } = attributes;
        if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0 || size > longestText)
          throw this.#invalid(`${path}.size`, `expected an integer from 0 to ${longestText}`);
        const named = this.#namedOf(attributes, namespace, path);
        return this.#define({ kind: "fixed", ...named, size, logical: logicalOf(attributes, "fixed", size) }, path);
      }
      case "array": {
        const items = this.read(attributes.items, namespace, `${path}.items`, depth + 1);
        this.#items.push(items);
        return { kind: "array", items };
      }
      case "map":
        return { kind: "map", values: this.read(attributes.values, namespace, `${path}.values`, depth + 1) };
      default:
        if (!primitives.includes(type)) return this.#reference(type, namespace, path);
        return { kind: type as AvroPrimitive, logical: logicalOf(attributes, type, 0), ...sqlTypeOf(attributes) };
    }
  }

  #record(attributes: Json, namespace: string, path: string, depth: number): AvroNode {
    const named = this.#namedOf(attributes, namespace, path);
    const fields: AvroField[] = [];
    const record = this.#define({ kind: "record", ...named, fields }, path);
    const inner = namespaceOf(named.name);
    if (!Array.isArray(attributes.fields)) throw this.#invalid(`${path}.fields`, "expected an array");
    for (const field of attributes.fields as unknown[]) {
      const given = (kindOf(field) === "object" ? field : {}) as Json;
      if (typeof given.name !== "string" || !isAvroName(given.name))
        throw this.#invalid(`${path}.fields`, "expected fields with a name of letters, digits and _");
      if (fields.some((other) => other.name === given.name))
        throw this.#invalid(`${path}.${given.name}`, "is there twice");
      const node = this.read(given.type, inner, `${path}.${given.name}`, depth + 1);
      fields.push({ name: given.name, aliases: textsOf(given.aliases), node, default: given.default });
    }
    return record;
  }

  #namedOf(attributes: Json, namespace: string, path: string): AvroNamed {
    const { name } = attributes;
    if (typeof name !== "string") throw this.#invalid(path, `a ${String(attributes.type)} needs a name`);
    const own = typeof attributes.namespace === "string" ? attributes.namespace : namespace;
    const full = name.includes(".") || own === "" ? name : `${own}.${name}`;
    if (!full.split(".").every(isAvroName)) throw this.#invalid(path, "has a name that Avro does not allow");
    const inFull = (alias: string): string =>
      alias.includes(".") || !full.includes(".") ? alias : `${namespaceOf(full)}.${alias}`;
    return { name: full, aliases: textsOf(attributes.aliases).map(inFull) };
  }

  #define(node: AvroNode & AvroNamed, path: string): AvroNode {
    const { name } = node;
    if (this.#names.has(name) || primitives.includes(name.slice(name.lastIndexOf(".") + 1)))
      throw this.#invalid(path, `defines "${name}" again`);
    this.#names.set(name, node);
    return node;
  }

  #reference(name: string, namespace: string, path: string): AvroNode {
    if (primitives.includes(name)) return { kind: name as AvroPrimitive };
    const full = name.includes(".") || namespace === "" ? name : `${namespace}.${name}`;
    const node = this.#names.get(full) ?? this.#names.get(name);
    if (node !== undefined) return node;
    const shown = /^[\w.]{1,80}$/.test(name) ? `"${name}"` : "a name";
    throw this.#invalid(path, `refers to ${shown}, which is not defined before it`);
  }

  #invalid(path: string, message: string): ConnectorError {
    return invalid(this.#what, path, message);
  }
}

function namespaceOf(name: string): string {
  return name.includes(".") ? name.slice(0, name.lastIndexOf(".")) : "";
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function sqlTypeOf(attributes: Json): { readonly sqlType?: string } {
  const sqlType = attributes[sqlTypeKeyword];
  return typeof sqlType === "string" ? { sqlType } : {};
}

function logicalOf(attributes: Json, type: string, size: number): AvroLogical | undefined {
  const name = String(attributes.logicalType).replace(/^local-/, "");
  switch (name) {
    case "decimal": {
      const { precision, scale = 0 } = attributes;
      const fits = Number.isInteger(precision) && Number.isInteger(scale) && (precision as number) <= 1000;
      if ((type !== "bytes" && type !== "fixed") || !fits || (precision as number) < 1) return undefined;
      if ((scale as number) < 0 || (scale as number) > (precision as number)) return undefined;
      return { name, precision: precision as number, scale: scale as number };
    }
    case "date":
    case "time-millis":
      return type === "int" ? { name } : undefined;
    case "time-micros":
    case "timestamp-millis":
    case "timestamp-micros":
    case "timestamp-nanos":
      return type === "long" ? { name } : undefined;
    case "uuid":
      return type === "string" || (type === "fixed" && size === 16) ? { name } : undefined;
    case "duration":
      return type === "fixed" && size === 12 ? { name } : undefined;
    case "json":
      return type === "string" ? { name } : undefined;
    default:
      return undefined;
  }
}

/** How many values a node stands for before the next count or branch in the data. */
function flatValues(node: AvroNode, open: Set<AvroNode>, what: string, known: Map<AvroNode, number>): number {
  if (node.kind !== "record") return 1;
  const found = known.get(node);
  if (found !== undefined) return found;
  if (open.has(node)) throw invalid(what, "", `holds the record "${node.name}" within itself without an end`);
  open.add(node);
  let sum = 1;
  for (const field of node.fields) sum += flatValues(field.node, open, what, known);
  open.delete(node);
  if (sum > maxFlatValues) throw invalid(what, "", `unfolds to more than ${maxFlatValues} values in one record`);
  known.set(node, sum);
  return sum;
}

/** True for values that take no bytes: a count of them could stand for any amount of memory. */
function isEmpty(node: AvroNode): boolean {
  if (node.kind === "fixed") return node.size === 0;
  return node.kind === "null" || (node.kind === "record" && node.fields.every((field) => isEmpty(field.node)));
}

function invalid(what: string, path: string, message: string): ConnectorError {
  const place = path.replace(/^\./, "").slice(0, 200);
  return new ConnectorError("SCHEMA_INVALID", `${what}${place === "" ? "" : ` at "${place}"`}: ${message}`);
}
