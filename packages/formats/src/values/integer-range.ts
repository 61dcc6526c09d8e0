import type { SqlType } from "@x/connector-api";

type Integer = SqlType & { kind: "integer" };

/** The least and greatest value of an integer type. */
export function integerRange({ bits, unsigned }: Integer): { readonly min: bigint; readonly max: bigint } {
  return unsigned
    ? { min: 0n, max: (1n << BigInt(bits)) - 1n }
    : { min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n };
}
