import { readFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { ConnectorError, didYouMean, isConnectorError } from "@x/connector-api";
import type { Root, Type } from "protobufjs";
import { readSchemaFile } from "../schema/schema-source.js";

export type Protobufjs = typeof import("protobufjs");

/** The libraries, loaded when a decoder or encoder opens. */
export interface ProtobufLibrary {
  readonly protobuf: Protobufjs;
  readonly toJson: (type: Type, message: object) => unknown;
  readonly fromJson: (type: Type, json: unknown) => object;
}

const longestText = 1024 * 1024;
const maxImports = 200;

export async function loadProtobufjs(): Promise<ProtobufLibrary> {
  const [module, json] = (await Promise.all([
    import("protobufjs"),
    import("protobufjs/ext/protojson.js"),
  ])) as unknown as readonly [CommonJs<Protobufjs>, CommonJs<Pick<ProtobufLibrary, "toJson" | "fromJson">>];
  const { toJson, fromJson } = json.default ?? json;
  return { protobuf: module.default ?? module, toJson, fromJson };
}

/** A CommonJS module as `import()` gives it, whether its names were found or not. */
type CommonJs<T> = T & { readonly default?: T };

/** A schema and the name of the file its first messages stand in, for message indexes. */
export interface LoadedSchema {
  readonly root: Root;
  readonly file: string;
}

/** Finds the text of an import that is not one of Google's own; undefined when there is none. */
export type FindImport = (name: string) => Promise<string | undefined>;

/**
 * Reads `.proto` text with its imports. SCHEMA_INVALID for text that is no schema, an import that is not found, and
 * names that would reach into JavaScript's own objects: the text may come from a registry, so it is not trusted.
 */
export async function parseProtoText(
  { protobuf }: ProtobufLibrary,
  text: string,
  what: string,
  findImport: FindImport,
): Promise<LoadedSchema> {
  const root = new protobuf.Root();
  const seen = new Set<string>();
  const load = async (name: string, source: string): Promise<void> => {
    if (source.length > longestText) throw invalid(what, `"${name}" is longer than ${longestText} characters`);
    if (seen.size > maxImports) throw invalid(what, `it has more than ${maxImports} imports`);
    const parsed = refusing(what, () => {
      (protobuf.parse as { filename?: string }).filename = name;
      return protobuf.parse(source, root, { keepCase: true });
    });
    for (const imported of [...(parsed.imports ?? []), ...(parsed.weakImports ?? [])]) {
      if (seen.has(imported)) continue;
      seen.add(imported);
      const common = Object.hasOwn(protobuf.common, imported) ? protobuf.common.get(imported) : null;
      if (common?.nested != null) {
        const { nested } = common;
        refusing(what, () => root.addJSON(nested));
        continue;
      }
      const found = await findImport(imported);
      if (found === undefined) throw invalid(what, `the import ${printName(imported)} is not found`);
      await load(imported, found);
    }
  };
  await load("schema.proto", text);
  return { root: finish(root, what), file: "schema.proto" };
}

/** Reads a schema file: `.proto` text, or a FileDescriptorSet as `protoc --descriptor_set_out` writes it. */
export async function loadProtoFile(library: ProtobufLibrary, path: string): Promise<LoadedSchema> {
  const bytes = Buffer.from(await readSchemaFile(path, "proto.schema_file"));
  const what = "proto.schema_file";
  // The set begins with a file's field tag and a length; that and a name of a text never look the same.
  if (bytes[0] === 0x0a && bytes.includes(0)) return await parseDescriptorSet(library, bytes, what);
  if (bytes[0] === 0x0a && !path.endsWith(".proto")) return await parseDescriptorSet(library, bytes, what);
  const folder = dirname(resolve(path));
  return await parseProtoText(library, bytes.toString("utf8"), what, async (name) => {
    const file = resolve(folder, name);
    if (relative(folder, file).startsWith("..")) throw invalid(what, `the import ${printName(name)} leaves its folder`);
    return await readFile(file, "utf8").catch(({ code }: { readonly code?: unknown }) => {
      if (code === "ENOENT") return undefined;
      throw invalid(what, `the import ${printName(name)} cannot be read: ${code}`);
    });
  });
}

/** Reads a FileDescriptorSet. SCHEMA_INVALID for bytes that are none. */
export async function parseDescriptorSet(
  library: ProtobufLibrary,
  bytes: Uint8Array,
  what: string,
): Promise<LoadedSchema> {
  // Adds Root.fromDescriptor.
  await import("protobufjs/ext/descriptor.js");
  const { Root } = library.protobuf as unknown as {
    Root: { fromDescriptor(bytes: Uint8Array, options: object): Root };
  };
  const root = refusing(what, () => Root.fromDescriptor(bytes, { keepCase: true }));
  return { root: finish(root, what), file: "" };
}

function finish(root: Root, what: string): Root {
  refusing(what, () => root.resolveAll());
  checkNames(root.toJSON() as Nested, what);
  return root;
}

interface Nested {
  readonly nested?: Readonly<Record<string, Nested>>;
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Names that are also what objects inherit would confuse every reader of a message. */
function checkNames({ nested = {}, fields = {} }: Nested, what: string): void {
  for (const name of [...Object.keys(nested), ...Object.keys(fields)]) {
    if (name === "__proto__" || name === "prototype" || !/^[A-Za-z_]\w*$/.test(name))
      throw invalid(what, "it has a name that is not allowed");
  }
  if (Object.hasOwn(fields, "hasOwnProperty") || Object.hasOwn(fields, "constructor"))
    throw invalid(what, "it has a field whose name is not allowed");
  for (const inner of Object.values(nested)) checkNames(inner, what);
}

/** The message type of a name. SCHEMA_INVALID listing the messages there are. */
export function messageType({ root }: LoadedSchema, name: string): Type {
  try {
    return root.lookupType(name);
  } catch {
    const names = messagesOf(root).map((type) => type.fullName.slice(1));
    const shown = names.slice(0, 10).join(", ");
    throw new ConnectorError(
      "SCHEMA_INVALID",
      `option "proto.message_name": no message ${printName(name)}; the schema has ${shown || "none"}${didYouMean(name, names)}`,
    );
  }
}

/** The messages directly below a namespace, in the order of their declaration, and those below packages. */
function messagesOf(root: Root): Type[] {
  const found: Type[] = [];
  const visit = (json: { nestedArray: readonly unknown[] }): void => {
    for (const one of json.nestedArray) {
      const space = one as { fields?: unknown; fullName: string; nestedArray?: readonly unknown[] };
      if (space.fields !== undefined && !space.fullName.startsWith(".google.protobuf.")) found.push(one as Type);
      else if (space.nestedArray !== undefined && space.fields === undefined)
        visit(space as { nestedArray: readonly unknown[] });
    }
  };
  visit(root);
  return found;
}

/** Indexes of a message within its file (Confluent wire format), outermost first. */
export function indexesOf(schema: LoadedSchema, type: Type): number[] {
  const path: number[] = [];
  for (let one = type; ; one = one.parent as Type) {
    const parent = one.parent as unknown as { fields?: unknown; nestedArray: readonly unknown[] };
    const isNested = parent.fields !== undefined;
    path.unshift(siblingsOf(schema, parent, isNested).indexOf(one));
    if (!isNested) return path;
  }
}

/** The message at such indexes; undefined when there is none. */
export function typeAt(schema: LoadedSchema, indexes: readonly number[]): Type | undefined {
  const [first = 0, ...rest] = indexes;
  let type = messagesOf(schema.root).filter((one) => one.filename === schema.file)[first];
  for (const index of rest) type = type && siblingsOf(schema, type, true)[index];
  return type;
}

function siblingsOf(schema: LoadedSchema, parent: { nestedArray: readonly unknown[] }, isNested: boolean): Type[] {
  const all = parent.nestedArray as readonly (Type & { group?: boolean })[];
  return all.filter((one) => one.fields !== undefined && (isNested || one.filename === schema.file));
}

function refusing<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (isConnectorError(error)) throw error;
    const reason =
      error instanceof RangeError ? "it is nested too deep" : String((error as Error).message).slice(0, 200);
    throw invalid(what, reason);
  }
}

function printName(name: string): string {
  return /^[\w./-]{1,100}$/.test(name) ? `"${name}"` : "of that name";
}

function invalid(what: string, reason: string): ConnectorError {
  return new ConnectorError("SCHEMA_INVALID", `${what} is no Protobuf schema that can be used: ${reason}`);
}
