import { ConnectorError, kindOf } from "@x/connector-api";
import { BadValue, withinElement, withinField } from "../bad-value.js";
import { createToLong } from "./checked-values.js";
import { type AvroField, type AvroNode, branchName, nullableBranch } from "./schema-model.js";

/**
 * Compiles the default of a field, as avsc would have read it. The function throws what {@link createToLong} throws.
 * SCHEMA_INVALID for a default that is no value of the field's type, of which others may never hear.
 */
export function compileDefault(field: AvroField, exact: boolean): () => unknown {
  try {
    defaultOf(field.node, field.default, true);
  } catch (error) {
    const { path, expected, got } = withinField(field.name, error) as BadValue;
    throw new ConnectorError(
      "SCHEMA_INVALID",
      `the default of the Avro field "${path}": expected ${expected}, got ${got}`,
      {
        context: { path },
      },
    );
  }
  return () => defaultOf(field.node, field.default, exact);
}

function defaultOf(node: AvroNode, json: unknown, exact: boolean): unknown {
  const mismatch = (): BadValue => new BadValue(`Avro ${node.kind}`, kindOf(json));
  switch (node.kind) {
    case "null":
    case "boolean":
      if (json === null ? node.kind === "null" : typeof json === node.kind) return json;
      throw mismatch();
    case "int":
    case "long": {
      if (typeof json !== "bigint" && !Number.isSafeInteger(json)) throw mismatch();
      const integer = BigInt(json as bigint | number);
      if (BigInt.asIntN(node.kind === "int" ? 32 : 64, integer) !== integer) throw mismatch();
      return node.kind === "int" ? Number(integer) : createToLong(exact)(integer);
    }
    case "float":
    case "double":
      if (typeof json === "number" || typeof json === "bigint") return Number(json);
      throw mismatch();
    case "string":
      if (typeof json === "string") return json;
      throw mismatch();
    case "enum":
      if (node.symbols.includes(json as string)) return json;
      throw mismatch();
    case "bytes":
    case "fixed": {
      const bytes = typeof json === "string" && /^[\0-\xff]*$/.test(json) ? Buffer.from(json, "latin1") : undefined;
      if (bytes === undefined || (node.kind === "fixed" && bytes.length !== node.size)) throw mismatch();
      return bytes;
    }
    case "array":
      if (!Array.isArray(json)) throw mismatch();
      return json.map((item: unknown, i) => {
        try {
          return defaultOf(node.items, item, exact);
        } catch (error) {
          throw withinElement(i, error);
        }
      });
    case "map":
      if (kindOf(json) !== "object") throw mismatch();
      return Object.fromEntries(
        Object.entries(json as object).map(([key, inner]) => [key, defaultOf(node.values, inner, exact)]),
      );
    case "record": {
      if (kindOf(json) !== "object") throw mismatch();
      const given = json as { readonly [name: string]: unknown };
      return Object.fromEntries(
        node.fields.map((field) => {
          const value = Object.hasOwn(given, field.name) ? given[field.name] : field.default;
          try {
            return [field.name, defaultOf(field.node, value, exact)];
          } catch (error) {
            throw withinField(field.name, error);
          }
        }),
      );
    }
    case "union":
      return unionDefault(node, node.branches, json, exact);
  }
}

/** Of the first branch, as the specification has it up to 1.11, or of any that takes it, as from 1.12. */
function unionDefault(node: AvroNode, branches: readonly AvroNode[], json: unknown, exact: boolean): unknown {
  let first: unknown;
  for (const branch of branches) {
    try {
      const value = defaultOf(branch, json, exact);
      return branch.kind === "null" || nullableBranch(node) !== undefined ? value : { [branchName(branch)]: value };
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      first ??= error;
    }
  }
  throw first ?? new BadValue("a branch of the union", kindOf(json));
}
