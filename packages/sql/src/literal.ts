import type { RowValue, SqlType } from "@x/connector-api";
import { childOf, isNode } from "./select-grammar.js";

/** A constant that needs no evaluation: TEXT, BOOLEAN, NULL or an integer. `type` is undefined for NULL. */
export interface Literal {
  readonly value: RowValue;
  readonly type: SqlType | undefined;
}

/** The constant that a syntax tree is, or undefined. Other constants (`1.5`, dates) are expressions for DuckDB. */
export function literalOf(node: unknown): Literal | undefined {
  if (!isNode(node)) return undefined;
  const unary = childOf(node, "UnaryOp");
  if (unary?.op === "Minus") return integer(childOf(childOf(unary, "expr"), "Value")?.value, "-");
  const value = childOf(node, "Value")?.value;
  if (value === "Null") return { value: null, type: undefined };
  if (!isNode(value)) return undefined;
  if (typeof value.SingleQuotedString === "string") return { value: value.SingleQuotedString, type: { kind: "text" } };
  if (typeof value.Boolean === "boolean") return { value: value.Boolean, type: { kind: "boolean" } };
  return integer(value, "");
}

function integer(value: unknown, sign: "-" | ""): Literal | undefined {
  const digits = isNode(value) && Array.isArray(value.Number) ? String(value.Number[0]) : "";
  if (!/^\d+$/.test(digits)) return undefined;
  const big = BigInt(sign + digits);
  if (big !== BigInt.asIntN(64, big)) return undefined;
  const small = Number(big);
  return {
    value: Number.isSafeInteger(small) ? small : big,
    type: { kind: "integer", bits: big === BigInt.asIntN(32, big) ? 32 : 64, unsigned: false },
  };
}
