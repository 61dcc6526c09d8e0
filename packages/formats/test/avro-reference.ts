import fc from "fast-check";
import { isWellFormed } from "./schemas.ts";

/**
 * Random Avro schemas and data, encoded here by the letter of the specification (1.11, "Binary Encoding"): the other
 * side that no library of ours has a part in.
 */
export interface AvroCase {
  /** A record. */
  readonly schema: object;
  readonly bytes: Buffer;
  /** What the record is as JSON. */
  readonly json: { readonly [field: string]: unknown };
}

interface Encoded {
  readonly bytes: Buffer;
  readonly json: unknown;
}

/** A type with its data. `schema` is made late: named types need a name that no other has. */
interface Kind {
  readonly schema: (names: NameSource) => unknown;
  readonly values: fc.Arbitrary<Encoded>;
  /** What two branches of one union may not have in common. */
  readonly branch: string;
}

type NameSource = () => string;

export function zigzag(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)); ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

const sized = (bytes: Uint8Array): Buffer => Buffer.concat([zigzag(BigInt(bytes.length)), bytes]);
const safe = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
const number = (bytes: 4 | 8) => (value: number) => {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 4) buffer.writeFloatLE(value);
  else buffer.writeDoubleLE(value);
  return { bytes: buffer, json: Number.isFinite(value) ? value : String(value) };
};
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const long = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    0n,
    -1n,
    2n ** 52n,
    -(2n ** 52n),
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ),
);
const text = fc.string({ unit: "binary" }).filter(isWellFormed);
const two = (value: number, length = 2): string => String(value).padStart(length, "0");
const within = (ms: number): number => Math.min(Math.max(ms, -62_167_219_200_000), 253_402_300_799_999);
/** RFC 3339 with all the digits of a unit below the milliseconds. */
const instant = (ms: number, below: string): string => new Date(ms).toISOString().replace("Z", `${below}Z`);

function plain(branch: string, schema: unknown, values: fc.Arbitrary<Encoded>): Kind {
  return { branch, schema: () => schema, values };
}

function twosComplement(unscaled: bigint, size: number): Buffer {
  return Buffer.from(
    BigInt.asUintN(size * 8, unscaled)
      .toString(16)
      .padStart(size * 2, "0"),
    "hex",
  );
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, point)}${scale === 0 ? "" : `.${digits.slice(point)}`}`;
}

const timestamps = (["millis", "micros", "nanos"] as const).flatMap((unit, i) =>
  ["", "local-"].map((local) => {
    const per = 1000n ** BigInt(i);
    const values = fc.tuple(fc.integer({ min: -(2 ** 42), max: 2 ** 42 }), fc.bigInt({ min: 0n, max: per - 1n }));
    return plain(
      "long",
      { type: "long", logicalType: `${local}timestamp-${unit}` },
      values.map(([ms, below]) => ({
        bytes: zigzag(BigInt(within(ms)) * per + below),
        json: instant(within(ms), i === 0 ? "" : String(below).padStart(i * 3, "0")),
      })),
    );
  }),
);

const clock = (unit: "millis" | "micros"): Kind => {
  const perSecond = unit === "millis" ? 1000 : 1_000_000;
  return plain(
    unit === "millis" ? "int" : "long",
    { type: unit === "millis" ? "int" : "long", logicalType: `time-${unit}` },
    fc.integer({ min: 0, max: 86_400 * perSecond - 1 }).map((time) => {
      const seconds = Math.floor(time / perSecond);
      const below = time % perSecond;
      const hms = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
        .map((n) => two(n))
        .join(":");
      return {
        bytes: zigzag(BigInt(time)),
        json: below === 0 ? hms : `${hms}.${two(below, unit === "millis" ? 3 : 6)}`,
      };
    }),
  );
};

const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll("-", ""), "hex");

const scalars: readonly Kind[] = [
  plain("null", "null", fc.constant({ bytes: Buffer.alloc(0), json: null })),
  plain(
    "boolean",
    "boolean",
    fc.boolean().map((json) => ({ bytes: Buffer.from([json ? 1 : 0]), json })),
  ),
  plain(
    "int",
    "int",
    int.map((json) => ({ bytes: zigzag(BigInt(json)), json })),
  ),
  plain(
    "long",
    { type: "long" },
    long.map((value) => ({ bytes: zigzag(value), json: safe(value) })),
  ),
  plain("float", "float", fc.float().map(number(4))),
  plain("double", "double", fc.double().map(number(8))),
  plain(
    "bytes",
    "bytes",
    fc
      .uint8Array({ maxLength: 40 })
      .map((value) => ({ bytes: sized(value), json: Buffer.from(value).toString("base64") })),
  ),
  plain(
    "string",
    { type: "string", "avro.java.string": "String" },
    text.map((json) => ({ bytes: sized(Buffer.from(json)), json })),
  ),
  ...timestamps,
  clock("millis"),
  clock("micros"),
  plain(
    "int",
    { type: "int", logicalType: "date" },
    fc.integer({ min: -719_528, max: 2_932_896 }).map((days) => ({
      bytes: zigzag(BigInt(days)),
      json: new Date(days * 86_400_000).toISOString().slice(0, 10),
    })),
  ),
  plain(
    "string",
    { type: "string", logicalType: "uuid" },
    fc.uuid().map((json) => ({ bytes: sized(Buffer.from(json)), json })),
  ),
  {
    branch: "fixed uuid",
    schema: (names) => ({ type: "fixed", name: names(), size: 16, logicalType: "uuid" }),
    values: fc.uuid().map((json) => ({ bytes: uuidBytes(json), json })),
  },
  {
    branch: "fixed duration",
    schema: (names) => ({ type: "fixed", name: names(), size: 12, logicalType: "duration" }),
    values: fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 2 ** 32 - 1 })).map(([months, days, millis]) => ({
      bytes: Buffer.from(Uint32Array.of(months, days, millis).buffer),
      json: { months, days, millis },
    })),
  },
];

/** Types that take parameters of their own. */
const parametric: fc.Arbitrary<Kind> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 38 }), fc.nat(38), fc.boolean()).map(([precision, s, isFixed]): Kind => {
    const scale = s % (precision + 1);
    const max = 10n ** BigInt(precision) - 1n;
    return {
      branch: isFixed ? "fixed decimal" : "bytes",
      schema: (names) => ({
        ...(isFixed ? { type: "fixed", name: names(), size: 17 } : { type: "bytes" }),
        ...{ logicalType: "decimal", precision, scale },
      }),
      values: fc.tuple(fc.bigInt({ min: -max, max }), fc.integer({ min: 16, max: 20 })).map(([unscaled, size]) => {
        const bytes = twosComplement(unscaled, isFixed ? 17 : size + 1);
        return { bytes: isFixed ? bytes : sized(bytes), json: decimalText(unscaled, scale) };
      }),
    };
  }),
  fc.uniqueArray(fc.stringMatching(/^[A-Za-z_]\w{0,6}$/), { minLength: 1, maxLength: 5 }).map(
    (symbols): Kind => ({
      branch: "enum",
      schema: (names) => ({ type: "enum", name: names(), symbols: symbols.filter((one) => one !== "__proto__") }),
      values: fc
        .nat(Math.max(symbols.filter((one) => one !== "__proto__").length - 1, 0))
        .map((i) => ({ bytes: zigzag(BigInt(i)), json: symbols.filter((one) => one !== "__proto__")[i] })),
    }),
  ),
  fc.integer({ min: 1, max: 20 }).map(
    (size): Kind => ({
      branch: "fixed",
      schema: (names) => ({ type: "fixed", name: names(), size }),
      values: fc
        .uint8Array({ minLength: size, maxLength: size })
        .map((bytes) => ({ bytes: Buffer.from(bytes), json: Buffer.from(bytes).toString("base64") })),
    }),
  ),
);

/** Items in blocks of any length, with or without their size in bytes before them. */
function blocks(
  items: readonly Buffer[],
  cuts: readonly { readonly count: number; readonly sized: boolean }[],
): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const cut of [...cuts, { count: items.length, sized: false }]) {
    const block = items.slice(at, at + cut.count);
    at += block.length;
    if (block.length === 0) continue;
    const bytes = Buffer.concat(block);
    const count = BigInt(block.length);
    parts.push(...(cut.sized ? [zigzag(-count), sized(bytes)] : [zigzag(count), bytes]));
  }
  return Buffer.concat([...parts, zigzag(0n)]);
}

const cuts = fc.array(fc.record({ count: fc.nat(2), sized: fc.boolean() }), { maxLength: 2 });
const fieldName = fc.stringMatching(/^[A-Za-z_]\w{0,8}$/).filter((name) => name !== "__proto__");

const kinds = fc.letrec<{ kind: Kind; record: Kind }>((tie) => ({
  kind: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.oneof(fc.constantFrom(...scalars), parametric),
    // An item without bytes is a schema that is refused.
    tie("kind")
      .filter(({ branch }) => branch !== "null" && branch !== "record")
      .map(
        (item): Kind => ({
          branch: "array",
          schema: (names) => ({ type: "array", items: item.schema(names) }),
          values: fc.tuple(fc.array(item.values, { maxLength: 4 }), cuts).map(([items, cut]) => ({
            bytes: blocks(
              items.map(({ bytes }) => bytes),
              cut,
            ),
            json: items.map(({ json }) => json),
          })),
        }),
      ),
    tie("kind").map(
      (value): Kind => ({
        branch: "map",
        schema: (names) => ({ type: "map", values: value.schema(names) }),
        values: fc
          .tuple(
            fc.array(fc.tuple(fc.oneof(text, fc.constantFrom("__proto__", "constructor")), value.values), {
              maxLength: 3,
            }),
            cuts,
          )
          .map(([entries, cut]) => ({
            bytes: blocks(
              entries.map(([key, { bytes }]) => Buffer.concat([sized(Buffer.from(key)), bytes])),
              cut,
            ),
            json: Object.fromEntries(entries.map(([key, { json }]) => [key, json])),
          })),
      }),
    ),
    fc
      .uniqueArray(
        tie("kind").filter(({ branch }) => branch !== "union"),
        { minLength: 1, maxLength: 4, selector: ({ branch }) => branch },
      )
      .map(
        (branches): Kind => ({
          branch: "union",
          schema: (names) => branches.map((branch) => branch.schema(names)),
          values: fc.nat(branches.length - 1).chain((i) =>
            (branches[i] as Kind).values.map(({ bytes, json }) => ({
              bytes: Buffer.concat([zigzag(BigInt(i)), bytes]),
              json,
            })),
          ),
        }),
      ),
    tie("record"),
  ),
  record: fc
    .uniqueArray(fc.tuple(fieldName, tie("kind")), { minLength: 1, maxLength: 5, selector: ([name]) => name })
    .map(
      (fields): Kind => ({
        branch: "record",
        schema: (names) => ({
          ...{ type: "record", name: names(), doc: "d", aliases: ["older"] },
          fields: fields.map(([name, kind]) => ({ name, type: kind.schema(names) })),
        }),
        values: fc.tuple(...fields.map(([, kind]) => kind.values)).map((values) => ({
          bytes: Buffer.concat(values.map(({ bytes }) => bytes)),
          json: Object.fromEntries(fields.map(([name], i) => [name, values[i]?.json])),
        })),
      }),
    ),
})).record;

/** A record of any shape, and a datum of it. */
export const avroCase: fc.Arbitrary<AvroCase> = kinds.chain((kind) =>
  kind.values.map(({ bytes, json }) => {
    let count = 0;
    const names: NameSource = () => `${["", "a.b.", "z."][count % 3]}N${count++}`;
    return { schema: kind.schema(names) as object, bytes, json: json as AvroCase["json"] };
  }),
);
