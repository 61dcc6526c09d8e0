import type { Column, ConnectionSchema, Decoder, Encoder, Row, RowValue, SqlType } from "@x/connector-api";
import fc from "fast-check";
import { type JsonOptions, json } from "../src/index.ts";

export const defaults: JsonOptions = { unstructured: false, timestampFormat: "rfc3339", decimalEncoding: "number" };

export async function openJson(
  schema: ConnectionSchema,
  options: Partial<JsonOptions> = {},
): Promise<{ encoder: Encoder; decoder: Decoder }> {
  const all = { ...defaults, ...options };
  return { encoder: await json.openEncoder(all, { schema }), decoder: await json.openDecoder(all, { schema }) };
}

export function decodeOne(decoder: Decoder, payload: Uint8Array | string): Row {
  const rows: Row[] = [];
  decoder.decode(typeof payload === "string" ? Buffer.from(payload) : payload, rows);
  if (rows.length !== 1) throw new Error(`${rows.length} rows`);
  return rows[0] as Row;
}

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: min, maxLength: max });

function decimal(precision: number, scale: number): fc.Arbitrary<string> {
  return fc
    .tuple(fc.boolean(), digits(0, precision - scale), digits(scale, scale))
    .map(([negative, whole, fraction]) => {
      const text = (whole.replace(/^0+/, "") || "0") + (scale === 0 ? "" : `.${fraction}`);
      return negative && /[1-9]/.test(text) ? `-${text}` : text;
    });
}

/** No lone surrogate, which UTF-8 cannot carry. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

const safe = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

const jsonValue: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: "binary" }),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(safe),
    fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e15, max: 1e15 }).map((value) => value + 0),
    fc.array(tie("value"), { maxLength: 3 }),
    fc
      .dictionary(fc.string({ unit: "binary", maxLength: 5 }), tie("value"), { maxKeys: 3 })
      .map((fields) => ({ ...fields })),
  ),
})).value;

const yearStart = -62_167_219_200_000;
const yearEnd = 253_402_300_799_999;
const pad = (value: number, length: number): string => String(value).padStart(length, "0");

/** Values of a type as rows hold them, without null. */
export function valuesOf(type: SqlType): fc.Arbitrary<RowValue> {
  switch (type.kind) {
    case "boolean":
      return fc.boolean();
    case "integer": {
      const bits = BigInt(type.bits);
      const [min, max] = type.unsigned ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
      return fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max)).map(safe);
    }
    case "float":
      return type.bits === 64
        ? fc.double({ noDefaultInfinity: true, noNaN: true }).map((value) => value + 0)
        : fc.float({ noDefaultInfinity: true, noNaN: true }).map((value) => value + 0);
    case "decimal":
      return decimal(type.precision, type.scale);
    case "text":
      return fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.constantFrom("\ud800", "n1", "s", '"\\'));
    case "uuid":
      return fc.uuid();
    case "bytes":
      return fc.uint8Array();
    case "date":
      return fc.integer({ min: yearStart, max: yearEnd }).map((ms) => new Date(ms).toISOString().slice(0, 10));
    case "time":
      return fc
        .tuple(fc.nat(23), fc.nat(59), fc.nat(59), fc.option(fc.nat(999_999)))
        .map(([h, m, s, us]) => `${pad(h, 2)}:${pad(m, 2)}:${pad(s, 2)}${us === null ? "" : `.${pad(us, 6)}`}`);
    case "timestamp": {
      const per = type.precision <= 3 ? 0n : type.precision <= 6 ? 1000n : 1_000_000n;
      if (per === 0n) return fc.integer({ min: yearStart, max: yearEnd }).map((ms) => new Date(ms));
      return fc.bigInt({ min: BigInt(yearStart) * per, max: BigInt(yearEnd) * per });
    }
    case "json":
      return jsonValue.filter((value) => value !== null) as fc.Arbitrary<RowValue>;
    case "array":
      return fc.array(fc.option(valuesOf(type.element)), { maxLength: 4 });
    case "struct":
      return rowOf({ columns: type.fields });
  }
}

export function rowOf(schema: ConnectionSchema): fc.Arbitrary<Row> {
  const columns = schema.columns.map((column) =>
    column.nullable ? fc.option(valuesOf(column.type)) : valuesOf(column.type),
  );
  // Object.fromEntries defines own properties, `__proto__` included.
  return fc
    .tuple(...columns)
    .map((values) => Object.fromEntries(schema.columns.map(({ name }, i) => [name, values[i] as RowValue])));
}

const name = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.constantFrom("__proto__", "constructor", "toString", "a.b", 'q"uote', "\u2028", "$" + "{x}", "`", "__proto__x"),
);

const scalar: fc.Arbitrary<SqlType> = fc.oneof(
  fc.constantFrom<SqlType>(
    { kind: "boolean" },
    { kind: "text" },
    { kind: "uuid" },
    { kind: "bytes" },
    { kind: "date" },
    { kind: "time" },
    { kind: "json" },
    { kind: "float", bits: 32 },
    { kind: "float", bits: 64 },
  ),
  fc.record({
    kind: fc.constant("integer" as const),
    bits: fc.constantFrom(16 as const, 32 as const, 64 as const),
    unsigned: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("timestamp" as const), precision: fc.nat(9) }),
  fc
    .tuple(fc.integer({ min: 1, max: 38 }), fc.nat(38))
    .map(([precision, scale]) => ({ kind: "decimal" as const, precision, scale: scale % (precision + 1) })),
);

export const sqlType: fc.Arbitrary<SqlType> = fc.letrec<{ type: SqlType; columns: readonly Column[] }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    tie("type").map((element): SqlType => ({ kind: "array", element })),
    tie("columns").map((fields): SqlType => ({ kind: "struct", fields })),
  ),
  columns: fc.uniqueArray(fc.record({ name, type: tie("type"), nullable: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
    selector: (column) => column.name,
  }),
})).type;

export const anySchema: fc.Arbitrary<ConnectionSchema> = fc
  .uniqueArray(fc.record({ name, type: sqlType, nullable: fc.boolean() }), {
    minLength: 1,
    maxLength: 6,
    selector: (column) => column.name,
  })
  .map((columns) => ({ columns }));
