import { ConnectorError } from "@x/connector-api";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { needsExact } from "../json/exact-numbers.js";
import { decodeUtf8 } from "../strict-utf8.js";
import { compileDefault } from "./default-values.js";
import { type AvroNamed, type AvroNode, type AvroRecord, branchName, nullableBranch } from "./schema-model.js";

/** A value of the writer's type, as avsc gives it, to one of the reader's. Throws BadValue for one that has no place there. */
export type Resolve = (value: unknown) => unknown;

/**
 * Compiles the resolution of a writer's schema into a reader's (Avro specification 1.11, "Schema Resolution"): records
 * by field name and alias with defaults, promotions, enums with the reader's default, unions by the reader's first
 * branch that fits. What depends on the datum (a symbol, a branch) is told by the datum; what can never be is
 * SCHEMA_INVALID, naming the place. Beyond the specification, two logical types of different meaning do not resolve:
 * their numbers would be taken for one another's.
 */
export function compileResolution(writer: AvroNode, reader: AvroNode, exact: boolean): Resolve {
  const resolve = new Resolution(exact).of(writer, reader);
  if (typeof resolve === "function") return resolve;
  const place = resolve.path === "" ? "" : ` at "${resolve.path}"`;
  throw new ConnectorError(
    "SCHEMA_INVALID",
    `avro.reader_schema cannot read what the writer's schema writes${place}: expected ${resolve.expected}, the writer has ${resolve.got}`,
  );
}

const same: Resolve = (value) => value;

/** What each type can be promoted to, and how. */
const promotions: { readonly [pair: string]: Resolve | undefined } = {
  "int long": same,
  "int float": (value) => Math.fround(value as number),
  "int double": same,
  "long float": (value) => Math.fround(Number(value)),
  "long double": Number,
  "float double": same,
  "string bytes": (value) => Buffer.from(value as string),
  "bytes string": (value) => decodeUtf8(value as Uint8Array),
};

/** U+FFFD may stand for bytes that were no UTF-8: the exact reading knows. */
function unlessReplaced(promote: Resolve): Resolve {
  return (value) => {
    if ((value as string).includes("\ufffd")) throw needsExact;
    return promote(value);
  };
}

class Resolution {
  readonly #exact: boolean;
  /** By writer and reader: a pair that is being compiled is met again in a recursive schema. */
  readonly #known = new Map<AvroNode, Map<AvroNode, Resolve | BadValue>>();

  constructor(exact: boolean) {
    this.#exact = exact;
  }

  /** A BadValue says why the two never resolve. */
  of(writer: AvroNode, reader: AvroNode): Resolve | BadValue {
    const known = this.#known.get(writer) ?? new Map<AvroNode, Resolve | BadValue>();
    this.#known.set(writer, known);
    const found = known.get(reader);
    if (found !== undefined) return found;
    let made: Resolve | BadValue | undefined;
    known.set(reader, (value) => (made as Resolve)(value));
    made = this.#create(writer, reader);
    known.set(reader, made);
    return made;
  }

  #create(writer: AvroNode, reader: AvroNode): Resolve | BadValue {
    if (writer.kind === "union") return this.#fromUnion(writer, writer.branches, reader);
    if (reader.kind === "union") return this.#intoUnion(writer, reader, reader.branches);
    const mismatch = new BadValue(describe(reader), describe(writer));
    const meanings = [logicalOf(writer), logicalOf(reader)];
    if (meanings[0] !== meanings[1] && !meanings.includes("")) return mismatch;
    if (writer.kind !== reader.kind) {
      const promote = promotions[`${writer.kind} ${reader.kind}`];
      if (writer.kind === "string" && promote !== undefined && !this.#exact) return unlessReplaced(promote);
      // In an exact reading a long is a bigint.
      return promote === same && reader.kind === "long" && this.#exact
        ? (value) => BigInt(value as number)
        : (promote ?? mismatch);
    }
    switch (writer.kind) {
      case "array":
        return this.#arrayOf(this.of(writer.items, (reader as typeof writer).items));
      case "map":
        return this.#mapOf(this.of(writer.values, (reader as typeof writer).values));
      case "fixed":
        return isNamed(writer, reader as typeof writer) && writer.size === (reader as typeof writer).size
          ? same
          : mismatch;
      case "enum": {
        const { symbols, default: fallback } = reader as typeof writer;
        if (!isNamed(writer, reader as typeof writer)) return mismatch;
        if (writer.symbols.every((symbol) => symbols.includes(symbol))) return same;
        return (value) => {
          if (symbols.includes(value as string)) return value;
          if (fallback !== undefined) return fallback;
          throw new BadValue("a symbol of the reader's enum", "a symbol that is none, and the enum has no default");
        };
      }
      case "record":
        return isNamed(writer, reader as AvroRecord) ? this.#record(writer, reader as AvroRecord) : mismatch;
      default:
        return same;
    }
  }

  #arrayOf(item: Resolve | BadValue): Resolve | BadValue {
    if (item instanceof BadValue) return within("[]", item);
    if (item === same) return same;
    return (value) =>
      (value as unknown[]).map((one, i) => {
        try {
          return item(one);
        } catch (error) {
          throw withinElement(i, error);
        }
      });
  }

  #mapOf(inner: Resolve | BadValue): Resolve | BadValue {
    if (inner instanceof BadValue) return within("{}", inner);
    if (inner === same) return same;
    return (value) => Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, inner(one)]));
  }

  #record(writer: AvroRecord, reader: AvroRecord): Resolve | BadValue {
    const fields: (readonly [to: string, from: string | undefined, resolve: Resolve])[] = [];
    for (const field of reader.fields) {
      const names = [field.name, ...field.aliases];
      const from = names.flatMap((name) => writer.fields.find((one) => one.name === name) ?? [])[0];
      if (from === undefined && field.default === undefined)
        return within(field.name, new BadValue(`a field "${field.name}", which has no default`, "no such field"));
      const resolve = from === undefined ? compileDefault(field, this.#exact) : this.of(from.node, field.node);
      if (resolve instanceof BadValue) return within(field.name, resolve);
      fields.push([field.name, from?.name, resolve]);
    }
    return (value) => {
      const given = value as { readonly [name: string]: unknown };
      const record: { [name: string]: unknown } = {};
      for (const [to, from, resolve] of fields) {
        try {
          record[to] = resolve(from === undefined ? undefined : given[from]);
        } catch (error) {
          throw withinField(to, error);
        }
      }
      return record;
    };
  }

  /** A branch that does not resolve is told when a datum has it; that none does, at once. */
  #fromUnion(node: AvroNode, branches: readonly AvroNode[], reader: AvroNode): Resolve | BadValue {
    const resolved = branches.map((branch) => this.of(branch, reader));
    const first = resolved[0];
    if (first !== undefined && resolved.every((one) => one instanceof BadValue)) return first;
    const resolvers = new Map(
      branches.map((branch, i) => {
        const one = resolved[i] as Resolve | BadValue;
        const refuse = (): never => {
          throw new BadValue(describe(reader), describe(branch));
        };
        return [branchName(branch), one instanceof BadValue ? refuse : one] as const;
      }),
    );
    const inner = nullableBranch(node);
    const ofNull = resolvers.get("null");
    const ofInner = inner === undefined ? undefined : resolvers.get(branchName(inner));
    return (value) => {
      if (value === null) return ofNull?.(null);
      if (ofInner !== undefined) return ofInner(value);
      const [[branch, one] = ["", undefined]] = Object.entries(value as object);
      return resolvers.get(branch)?.(one);
    };
  }

  #intoUnion(writer: AvroNode, node: AvroNode, branches: readonly AvroNode[]): Resolve | BadValue {
    for (const branch of branches) {
      const resolve = this.of(writer, branch);
      if (resolve instanceof BadValue) continue;
      if (branch.kind === "null" || nullableBranch(node) !== undefined) return resolve;
      const key = branchName(branch);
      return (value) => ({ [key]: resolve(value) });
    }
    return new BadValue(describe(node), describe(writer));
  }
}

/** By the name without namespace, as the specification has it, or by an alias of the reader's. */
function isNamed(writer: AvroNamed, reader: AvroNamed): boolean {
  const short = (name: string): string => name.slice(name.lastIndexOf(".") + 1);
  return (
    short(writer.name) === short(reader.name) ||
    reader.aliases.some((alias) => alias === writer.name || alias === short(writer.name))
  );
}

/** What the number or bytes mean, as text that differs when the meaning does. */
function logicalOf(node: AvroNode): string {
  const logical = "logical" in node ? node.logical : undefined;
  return logical?.name === "decimal" ? `decimal of scale ${logical.scale}` : (logical?.name ?? "");
}

function describe(node: AvroNode): string {
  const logical = logicalOf(node);
  const name = "name" in node ? ` "${node.name}"` : "";
  return `${node.kind}${name}${logical === "" ? "" : ` (${logical})`}`;
}

function within(place: string, mistake: BadValue): BadValue {
  const outer = new BadValue(mistake.expected, mistake.got);
  outer.path = mistake.path;
  withinField(place, outer);
  return outer;
}
