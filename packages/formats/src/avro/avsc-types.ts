import { ConnectorError } from "@x/connector-api";
import { decodeUtf8 } from "../strict-utf8.js";
import { avscSchema } from "./canonical-form.js";
import { guardTap, overrun, readLength, readZigzag, type Tap } from "./guarded-tap.js";
import type { AvroNode } from "./schema-model.js";

/** The parts of an avsc type that are used here. `_read` and `_write` are its extension points (`LogicalType`). */
export interface AvscType {
  readonly itemsType?: AvscType;
  readonly valuesType?: AvscType;
  _read(tap: Tap): unknown;
  _write(tap: Tap, value: unknown): void;
  fromBuffer(bytes: Buffer): unknown;
}

export interface Avsc {
  /** A cursor for reading that throws {@link overrun}, and `needsExact` for a long beyond 2^53. */
  createReadTap(options?: { readonly rounding: boolean }): Tap;
  /** A cursor for writing, into a buffer that the caller replaces when `pos` has passed its end. */
  createWriteTap(): Tap;
  /**
   * The type of a schema. Longs are numbers (`exact: false`) or bigints that lose nothing (`exact: true`, which checks
   * text for valid UTF-8 as well); nanoseconds are bigints in both. `[null, X]` is plain, other unions are `{name: X}`.
   */
  createType(schema: AvroNode, exact: boolean): AvscType;
}

interface AvscModule {
  readonly Type: { forSchema(schema: unknown, options?: object): AvscType };
  readonly types: {
    readonly LongType: { __with(methods: object): AvscType };
    readonly UnwrappedUnionType: new (schema: unknown, options: object) => AvscType;
    readonly WrappedUnionType: new (schema: unknown, options: object) => AvscType;
    readonly ArrayType: new (schema: unknown, options: object) => AvscType;
    readonly MapType: new (schema: unknown, options: object) => AvscType;
  };
}

/** Loads avsc; called when a decoder or encoder opens, so that nobody else waits for it. */
export async function loadAvsc(): Promise<Avsc> {
  const avsc = (await import("avsc")).default as unknown as AvscModule;
  const { Type, types } = avsc;
  const PlainTap = tapClassOf(Type.forSchema("null"));
  const ReadTap = guardTap(PlainTap);

  const createType = (schema: AvroNode, exact: boolean): AvscType => {
    const long = extend(types.LongType.__with(bigintLong), { _read: readBigLong });
    const text = extend(Type.forSchema("string"), { _read: readStrictText });
    const typeHook = (json: unknown, options: object): AvscType | undefined => {
      if (Array.isArray(json)) {
        const nullable = json.length === 2 && json.some(isNullSchema);
        return new (nullable ? types.UnwrappedUnionType : types.WrappedUnionType)(json, options);
      }
      const kind = typeof json === "string" ? json : (json as { type?: unknown } | null)?.type;
      if (kind === "long") return exact || isNanos(json) ? long : undefined;
      if (kind === "string") return exact ? text : undefined;
      if (kind === "array") return guardArray(new types.ArrayType(json, options));
      if (kind === "map") return guardMap(new types.MapType(json, options));
      return undefined;
    };
    const registry = Object.create(null) as object;
    return refusing(() => Type.forSchema(avscSchema(schema), { typeHook, registry }));
  };

  return {
    createReadTap(options) {
      return new ReadTap(Buffer.alloc(0), options?.rounding === true);
    },
    createWriteTap: () => new PlainTap(Buffer.allocUnsafeSlow(4096)),
    createType,
  };
}

function refusing<T>(create: () => T): T {
  try {
    return create();
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : "unknown";
    throw new ConnectorError("SCHEMA_INVALID", `the Avro schema is refused: ${reason}`);
  }
}

/** avsc keeps its cursor to itself; a type that is asked to read is given one. */
function tapClassOf(type: AvscType): new (buffer: Buffer) => Tap {
  let found: unknown;
  const probe = extend(type, {
    _read(tap: Tap) {
      found = tap.constructor;
      return null;
    },
  });
  probe.fromBuffer(Buffer.alloc(0));
  return found as new (
    buffer: Buffer,
  ) => Tap;
}

/** A type that behaves like another but for a few methods; avsc freezes its own. */
function extend(type: AvscType, methods: object): AvscType {
  const descriptors = Object.getOwnPropertyDescriptors(methods);
  return Object.create(type, descriptors) as AvscType;
}

const readBigLong = (tap: Tap): bigint => readZigzag(tap);

const readStrictText = (tap: Tap): string => decodeUtf8(tap.readBytes() ?? new Uint8Array());

const bigintLong = {
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: (value: number) => BigInt(value),
  toJSON: (value: bigint) => Number(value),
  isValid: (value: unknown) => typeof value === "bigint" && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
};

/** Reads the size of a block: a negative one stands before its length in bytes. */
function readBlock(tap: Tap): number {
  const count = tap.readLong();
  if (count >= 0) return count;
  readLength(tap);
  return -count;
}

/** Every item takes a byte at least: the schema saw to that. */
function checkCount(tap: Tap, count: number): void {
  if (count > tap.buf.length - tap.pos) throw overrun;
}

function guardArray(type: AvscType): AvscType {
  const items = type.itemsType as AvscType;
  return extend(type, {
    _read(tap: Tap) {
      const value: unknown[] = [];
      for (let count = readBlock(tap); count !== 0; count = readBlock(tap)) {
        checkCount(tap, count);
        while (count-- > 0) value.push(items._read(tap));
      }
      return value;
    },
  });
}

function guardMap(type: AvscType): AvscType {
  const values = type.valuesType as AvscType;
  return extend(type, {
    _read(tap: Tap) {
      const value: { [key: string]: unknown } = {};
      for (let count = readBlock(tap); count !== 0; count = readBlock(tap)) {
        while (count-- > 0) {
          const key = tap.readString() as string;
          const inner = values._read(tap);
          if (key !== "__proto__") value[key] = inner;
          else
            Object.defineProperty(value, key, { value: inner, enumerable: true, configurable: true, writable: true });
        }
      }
      return value;
    },
  });
}

function isNullSchema(json: unknown): boolean {
  return json === "null" || (json as { type?: unknown } | null)?.type === "null";
}

function isNanos(json: unknown): boolean {
  return /^(local-)?timestamp-nanos$/.test(String((json as { logicalType?: unknown }).logicalType));
}
