import type { AvroNode } from "./schema-model.js";

/** A schema in its Parsing Canonical Form (Avro specification 1.11), as JSON: what fingerprints are taken of. */
export function canonicalForm(node: AvroNode): unknown {
  return formOf(
    node,
    (name) => name,
    (one) => one.kind,
    new Set(),
  );
}

/**
 * What avsc is given of a schema: the same, so that no attribute of a foreign schema reaches it, but with the one word
 * that says which longs never fit a double, and with a dot before a name that stands in no namespace.
 */
export function avscSchema(node: AvroNode): unknown {
  return formOf(
    node,
    (name) => (name.includes(".") ? name : `.${name}`),
    (one) =>
      "logical" in one && one.logical?.name === "timestamp-nanos"
        ? { type: one.kind, logicalType: "timestamp-nanos" }
        : one.kind,
    new Set(),
  );
}

function formOf(
  node: AvroNode,
  print: (name: string) => string,
  primitive: (node: AvroNode) => unknown,
  defined: Set<AvroNode>,
): unknown {
  const inner = (one: AvroNode): unknown => formOf(one, print, primitive, defined);
  switch (node.kind) {
    case "array":
      return { type: "array", items: inner(node.items) };
    case "map":
      return { type: "map", values: inner(node.values) };
    case "union":
      return node.branches.map(inner);
    case "enum":
    case "fixed":
    case "record": {
      const name = print(node.name);
      if (defined.has(node)) return name;
      defined.add(node);
      if (node.kind === "fixed") return { name, type: "fixed", size: node.size };
      if (node.kind === "enum") return { name, type: "enum", symbols: node.symbols };
      const fields = node.fields.map((field) => ({ name: field.name, type: inner(field.node) }));
      return { name, type: "record", fields };
    }
    default:
      return primitive(node);
  }
}
