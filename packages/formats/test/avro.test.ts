import assert from "node:assert/strict";
import { crc32, deflateRawSync } from "node:zlib";
import { type ConnectionSchema, ConnectorOptions, defineSchema, isConnectorError, type Row } from "@x/connector-api";
import avsc from "avsc";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc64Avro } from "../src/avro/fingerprint.ts";
import { type AvroOptions, avro } from "../src/index.ts";
import { anySchema, decodeOne, rowOf } from "./schemas.ts";

const options = (given: object): AvroOptions => {
  const bag = ConnectorOptions.fromObject({ avro: given });
  const parsed = avro.fromOptions(bag);
  bag.finish();
  return parsed;
};
const raw = options({ rawDatums: true });

async function decode(given: object, schema: ConnectionSchema, payload: Uint8Array): Promise<Row[]> {
  const rows: Row[] = [];
  (await avro.openDecoder(options(given), { schema })).decode(payload, rows);
  return rows;
}

async function failure(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isConnectorError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("it did not fail");
}

const record = (...fields: readonly (readonly [string, unknown])[]): string =>
  JSON.stringify({ type: "record", name: "R", fields: fields.map(([name, type]) => ({ name, type })) });

/** Names that Avro takes, in place of those that JSON takes. */
function renamed(schema: ConnectionSchema): ConnectionSchema {
  return JSON.parse(JSON.stringify(schema), (_key, value: unknown) => {
    if (!Array.isArray(value)) return value;
    return value.map((one: unknown, i) =>
      (one as { name?: unknown }).name === undefined ? one : { ...(one as object), name: `c${i}` },
    );
  }) as ConnectionSchema;
}

const wellFormedRow = (row: unknown): boolean => {
  if (typeof row === "string") return !/\p{Surrogate}/u.test(row);
  // Nanoseconds beyond 64 bits, which Avro has no long for.
  if (typeof row === "bigint") return BigInt.asIntN(64, row) === row;
  if (row instanceof Date || row instanceof Uint8Array || typeof row !== "object" || row === null) return true;
  return Object.entries(row).every(([key, value]) => wellFormedRow(key) && wellFormedRow(value));
};
/** TIME without a fraction of zeros, as it is read. */
const normal = (value: unknown): unknown => {
  if (typeof value === "string") return value.replace(/^(\d\d:\d\d:\d\d)\.0+$/, "$1");
  if (value instanceof Date || value instanceof Uint8Array || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(normal);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, normal(inner)]));
};
const schemaAndRow = anySchema
  .map(renamed)
  .chain((schema) => fc.tuple(fc.constant(schema), rowOf(schema).filter(wellFormedRow)));

describe("avro over random schemas", () => {
  test.each([{ rawDatums: true }, { singleObject: true }, {}])("gives back the row it wrote (%j)", async (given) => {
    await fc.assert(
      fc.asyncProperty(schemaAndRow, async ([schema, row]) => {
        const encoder = await avro.openEncoder(options(given), { schema });
        const decoder = await avro.openDecoder(options(given), { schema });
        const read = decodeOne(decoder, encoder.encode(row));
        assert.deepStrictEqual(normal(read), normal(row));
        expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
      }),
      { numRuns: 120 },
    );
  });
});

describe("longs", () => {
  const schema = defineSchema({ id: "BIGINT NOT NULL", list: "BIGINT[]" });
  const edges = [0n, 1n, -1n, 2n ** 31n, -(2n ** 31n), 2n ** 52n, -(2n ** 52n) - 1n, 2n ** 53n - 1n, -(2n ** 53n) + 1n];
  const far = [2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];
  test("keep every digit, as number where safe", async () => {
    const encoder = await avro.openEncoder(raw, { schema });
    const decoder = await avro.openDecoder(raw, { schema });
    for (const edge of [...edges, ...far]) {
      const id = Number.isSafeInteger(Number(edge)) ? Number(edge) : edge;
      expect(decodeOne(decoder, encoder.encode({ id: edge, list: [edge, null] }))).toEqual({ id, list: [id, null] });
    }
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), async (long) => {
        const { id } = decodeOne(decoder, encoder.encode({ id: long, list: null }));
        expect(BigInt(id as bigint)).toBe(long);
      }),
    );
  });
  test("a varint of more than 64 bits is bad data", async () => {
    const payload = Buffer.concat([Buffer.alloc(12, 0xff), Buffer.from([1, 0])]);
    expect(await failure(() => decode({ rawDatums: true }, schema, payload))).toContain("BAD_DATA");
  });
});

describe("schemas", () => {
  test("resolution: promotion, defaults, aliases, dropped fields", async () => {
    const given = {
      rawDatums: true,
      schema:
        '{"type":"record","name":"old.R","fields":[{"name":"a","type":"int"},{"name":"gone","type":{"type":"array","items":"long"}},{"name":"b","type":"string"}]}',
      readerSchema:
        '{"type":"record","name":"R","aliases":["old.R"],"fields":[{"name":"b2","aliases":["b"],"type":["null","string"]},{"name":"a","type":"double"},{"name":"c","type":"long","default":7}]}',
    };
    const writer = avsc.Type.forSchema(JSON.parse(given.schema));
    const payload = writer.toBuffer({ a: 3, gone: [1, 2], b: "x" });
    const rows = await decode(given, defineSchema({ a: "DOUBLE", b2: "TEXT", c: "BIGINT" }), payload);
    expect(rows).toEqual([{ a: 3, b2: "x", c: 7 }]);
    const bad = { ...given, readerSchema: record(["a", "string"]).replace('"R"', '"old.R"') };
    expect(await failure(() => decode(bad, defineSchema({ a: "TEXT" }), payload))).toBe(
      `SCHEMA_INVALID: avro.reader_schema cannot read what the writer's schema writes at "a": expected string, the writer has int`,
    );
  });

  test("a branch, or a symbol, that the reader does not know is told by the datum that has it", async () => {
    const given = { rawDatums: true, schema: record(["a", ["null", "int"]]), readerSchema: record(["a", "long"]) };
    const columns = defineSchema({ a: "BIGINT" });
    expect(await decode(given, columns, Buffer.from([2, 14]))).toEqual([{ a: 7 }]);
    expect(await failure(() => decode(given, columns, Buffer.from([0])))).toBe(
      'BAD_DATA: column "a": expected long, got null',
    );
    const symbols = (...names: string[]) => record(["a", { type: "enum", name: "E", symbols: names }]);
    const colours = { rawDatums: true, schema: symbols("RED", "BLUE"), readerSchema: symbols("BLUE") };
    expect(await decode(colours, defineSchema({ a: "TEXT" }), Buffer.from([2]))).toEqual([{ a: "BLUE" }]);
    expect(await failure(() => decode(colours, defineSchema({ a: "TEXT" }), Buffer.from([0])))).toContain("no default");
  });

  test("a text that becomes bytes was UTF-8, or is bad data", async () => {
    const given = { rawDatums: true, schema: record(["a", "string"]), readerSchema: record(["a", "bytes"]) };
    const columns = defineSchema({ a: "BYTEA" });
    const sent = Buffer.from("x\ufffd");
    expect(await decode(given, columns, Buffer.from([sent.length * 2, ...sent]))).toEqual([
      { a: new Uint8Array(sent) },
    ]);
    expect(await failure(() => decode(given, columns, Buffer.from([2, 0xff])))).toContain("BAD_DATA");
  });

  test("numbers of different meaning are not taken for one another's", async () => {
    const long = (logicalType: string) => record(["a", { type: "long", logicalType }]);
    const decimal = (scale: number) => record(["a", { type: "bytes", logicalType: "decimal", precision: 9, scale }]);
    const read = (schema: string, readerSchema: string, type: string) =>
      failure(() => decode({ rawDatums: true, schema, readerSchema }, defineSchema({ a: type }), Buffer.from([2])));
    expect(await read(long("timestamp-millis"), long("timestamp-micros"), "TIMESTAMP(6)")).toContain(
      "expected long (timestamp-micros), the writer has long (timestamp-millis)",
    );
    expect(await read(decimal(2), decimal(4), "DECIMAL(9, 4)")).toContain("decimal of scale 2");
    const local = { rawDatums: true, schema: long("local-timestamp-millis"), readerSchema: long("timestamp-millis") };
    expect(await decode(local, defineSchema({ a: "TIMESTAMP" }), Buffer.from([2]))).toEqual([{ a: new Date(1) }]);
  });

  test("defaults keep every digit and byte, and a wrong one matters only where it is needed", async () => {
    const field = (name: string, type: unknown, value: unknown): object => ({ name, type, default: value });
    const fields = [
      field("bytes", "bytes", "\u00ff\u0000"),
      field("fixed", { type: "fixed", name: "F", size: 1 }, "\u0080"),
      field("list", { type: "array", items: ["null", "int"] }, [1, null]),
      field("pick", ["int", "null"], 3),
    ];
    const big =
      '{"name":"big","type":"long","default":-9223372036854775807},{"name":"wrong","type":"int","default":"x"}';
    const readerSchema = `{"type":"record","name":"R","fields":[${fields.map((one) => JSON.stringify(one))},${big}]}`;
    const columns = { bytes: "BYTEA", fixed: "BYTEA", list: "INT[]", pick: "INT", big: "BIGINT" };
    const given = { rawDatums: true, schema: record(["wrong", "int"]), readerSchema };
    const row = { bytes: new Uint8Array([255, 0]), fixed: new Uint8Array([128]), list: [1, null], pick: 3 };
    expect(await decode(given, defineSchema(columns), Buffer.from([2]))).toEqual([{ ...row, big: -(2n ** 63n) + 1n }]);
    const needed = { ...given, schema: record(["other", "int"]) };
    expect(await failure(() => decode(needed, defineSchema(columns), Buffer.from([2])))).toBe(
      'SCHEMA_INVALID: the default of the Avro field "wrong": expected Avro int, got string',
    );
    const sink = { rawDatums: true, schema: readerSchema.replace('"x"', "5") };
    const encoder = await avro.openEncoder(options(sink), { schema: defineSchema({ pick: "INT" }) });
    expect(await decode(sink, defineSchema({ ...columns, wrong: "INT" }), encoder.encode({ pick: 9 }))).toEqual([
      { ...row, pick: 9, big: -(2n ** 63n) + 1n, wrong: 5 },
    ]);
  });

  test("names in and out of namespaces, and a record in another namespace that uses them", async () => {
    const inner = { type: "record", name: "b.I", fields: [{ name: "f", type: "R2" }] };
    const fields = [
      { name: "r", type: { type: "fixed", name: "R2", size: 1 } },
      { name: "i", type: inner },
    ];
    const schema = JSON.stringify({ type: "record", name: "R", fields });
    expect(
      await decode(
        { rawDatums: true, schema, intoUnstructuredJson: true },
        defineSchema({ value: "JSON" }),
        Buffer.from([1, 2]),
      ),
    ).toEqual([{ value: { r: "AQ==", i: { f: "Ag==" } } }]);
    const clash = record(["a", { type: "fixed", name: "n.int", size: 1 }]);
    expect(
      await failure(() => decode({ rawDatums: true, schema: clash }, defineSchema({ a: "BYTEA" }), new Uint8Array())),
    ).toContain('defines "n.int" again');
  });

  test.each([
    ["nonsense", "is not JSON"],
    ['{"type":"record","name":"R","fields":[{"name":"a","type":"constructor"}]}', 'refers to "constructor"'],
    ['{"type":"record","name":"R","fields":[{"name":"__proto__","type":"int"}]}', "expected fields with a name"],
    ['{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}', "within itself without an end"],
    [`${'{"type":"array","items":'.repeat(70)}"int"${"}".repeat(70)}`, "nested deeper"],
    ['{"type":"array","items":"null"}', "take no bytes"],
    ['{"type":"record","name":"a b; process.exit()","fields":[]}', "a name that Avro does not allow"],
    [laughs(), "unfolds to more than"],
  ])("%# is refused", async (schema, message) => {
    const text = await failure(() => decode({ rawDatums: true, schema }, defineSchema({ a: "INT" }), new Uint8Array()));
    expect(text).toContain("SCHEMA_INVALID");
    expect(text).toContain(message);
  });

  test("a column that the schema cannot give is refused by name", async () => {
    const schema = record(["a", "string"]);
    const open = (columns: Record<string, string>) => () =>
      decode({ rawDatums: true, schema }, defineSchema(columns), new Uint8Array());
    expect(await failure(open({ a: "INT" }))).toBe('SCHEMA_INVALID: column "a": INT cannot hold Avro string');
    expect(await failure(open({ b: "TEXT" }))).toContain(
      'column "b": the Avro record "R" has no such field; it has "a"',
    );
  });

  test("unions of many branches, enums, maps, fixed, NaN and nested names as JSON", async () => {
    const schema = JSON.stringify({
      type: "record",
      name: "n.R",
      fields: [
        {
          name: "u",
          type: ["null", "int", "long", "string", { type: "record", name: "I", fields: [{ name: "x", type: "long" }] }],
        },
        { name: "e", type: { type: "enum", name: "E", symbols: ["A", "B"] } },
        { name: "m", type: { type: "map", values: "double" } },
        { name: "f", type: { type: "fixed", name: "F", size: 2 } },
        { name: "i", type: ["null", "n.I"] },
      ],
    });
    const type = avsc.Type.forSchema(JSON.parse(schema), { wrapUnions: true });
    const payload = type.toBuffer({
      u: { "n.I": { x: 5 } },
      e: "B",
      m: { a: Number.NaN, __proto: 1 },
      f: Buffer.from([1, 2]),
      i: { "n.I": { x: 1 } },
    });
    const given = { rawDatums: true, schema, intoUnstructuredJson: true };
    const expected = { u: { x: 5 }, e: "B", m: { a: "NaN", __proto: 1 }, f: "AQI=", i: { x: 1 } };
    expect(await decode(given, defineSchema({ value: "JSON" }), payload)).toEqual([{ value: expected }]);
    const [row] = await decode(given, defineSchema({ value: "TEXT" }), payload);
    expect(JSON.parse(row?.value as string)).toEqual(expected);
    const columns = defineSchema({ e: "TEXT", f: "BYTEA", i: "STRUCT<x BIGINT>", u: "JSON" });
    expect(await decode({ rawDatums: true, schema }, columns, payload)).toEqual([
      { e: "B", f: new Uint8Array([1, 2]), i: { x: 1 }, u: { x: 5 } },
    ]);
  });
});

describe("payloads made to harm", () => {
  const list =
    '{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","L"]},{"name":"all","type":{"type":"array","items":"L"}}]}';
  test.each([
    ["an endless list", list, Buffer.alloc(2_000_000, 2)],
    ["a huge count", list, Buffer.from([2, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f])],
    ["a huge length", record(["a", "string"]), Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f])],
    ["a negative length", record(["a", "bytes"]), Buffer.from([1])],
    ["no such branch", record(["a", ["null", "int"]]), Buffer.from([8])],
    ["text that is no UTF-8", record(["a", "string"]), Buffer.from([2, 0xff])],
    ["bytes left over", record(["a", "int"]), Buffer.from([2, 2])],
  ])("%s is bad data at once", { retry: 2 }, async (_name, schema, payload) => {
    const given = { rawDatums: true, schema, intoUnstructuredJson: true };
    const startedAt = Date.now();
    expect(await failure(() => decode(given, defineSchema({ value: "JSON" }), payload))).toContain("BAD_DATA");
    expect(Date.now() - startedAt).toBeLessThan(2000);
  });

  test("U+FFFD that was written is kept", async () => {
    const payload = avsc.Type.forSchema("string").toBuffer("a\ufffdb");
    const rows = await decode(
      { rawDatums: true, schema: record(["a", "string"]) },
      defineSchema({ a: "TEXT" }),
      payload,
    );
    expect(rows).toEqual([{ a: "a\ufffdb" }]);
  });
});

describe("containers", () => {
  const schema = defineSchema({ n: "BIGINT" });
  test("blocks that are small each are refused when they unpack to too much together", async () => {
    const large = Buffer.alloc(40 * 1024 * 1024);
    const datum = deflateRawSync(avsc.Type.forSchema("bytes").toBuffer(large), { level: 1 });
    const map = avsc.Type.forSchema({ type: "map", values: "bytes" });
    const text = record(["b", "bytes"]);
    const meta = map.toBuffer({ "avro.schema": Buffer.from(text), "avro.codec": Buffer.from("deflate") });
    const sync = Buffer.alloc(16, 7);
    const long = avsc.Type.forSchema("long");
    const block = Buffer.concat([long.toBuffer(1), long.toBuffer(datum.length), datum, sync]);
    const file = (blocks: number): Buffer =>
      Buffer.concat([Buffer.from("Obj\u0001"), meta, sync, ...Array<Buffer>(blocks).fill(block)]);
    const columns = defineSchema({ b: "BYTEA" });
    expect(await decode({}, columns, file(1))).toHaveLength(1);
    expect(await failure(() => decode({}, columns, file(2)))).toContain(
      "do not inflate, or to more than 67108864 bytes",
    );
  });

  test("every codec and many records; a bomb, an unknown codec and a torn file are refused", async () => {
    const text = record(["n", ["null", "long"]]);
    const block = Buffer.from([2, 2, 2, 4, 0]);
    const file = (codec: string, data: Buffer, count = 3): Buffer => {
      const map = avsc.Type.forSchema({ type: "map", values: "bytes" });
      const meta = map.toBuffer({ "avro.schema": Buffer.from(text), "avro.codec": Buffer.from(codec) });
      const long = avsc.Type.forSchema("long");
      const sync = Buffer.alloc(16, 7);
      return Buffer.concat([
        Buffer.from("Obj\u0001"),
        meta,
        sync,
        long.toBuffer(count),
        long.toBuffer(data.length),
        data,
        sync,
      ]);
    };
    const rows = [{ n: 1 }, { n: 2 }, { n: null }];
    expect(await decode({}, schema, file("null", block))).toEqual(rows);
    expect(await decode({}, schema, file("deflate", deflateRawSync(block)))).toEqual(rows);
    const bomb = file("deflate", deflateRawSync(Buffer.alloc(100 * 1024 * 1024)), 1);
    expect(await failure(() => decode({}, schema, bomb))).toContain("its blocks do not inflate, or to more than");
    expect(await failure(() => decode({}, schema, file("zstandard", block)))).toContain(
      "its codec is zstandard; null, deflate, snappy are read",
    );
    const zeros = deflateRawSync(Buffer.alloc(40 * 1024 * 1024));
    const crowd = file("deflate", zeros, 40 * 1024 * 1024);
    expect(await failure(() => decode({}, schema, crowd))).toContain("it holds more than 4194304 records");
    const literal = Buffer.from([block.length, (block.length - 1) << 2, ...block]);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(block));
    expect(await decode({}, schema, file("snappy", Buffer.concat([literal, sum])))).toEqual(rows);
    const damaged = Buffer.concat([literal, sum.subarray(1), sum.subarray(0, 1)]);
    expect(await failure(() => decode({}, schema, file("snappy", damaged)))).toContain("does not match its checksum");
    expect(await failure(() => decode({}, schema, file("null", block).subarray(0, -3)))).toContain("ends too early");
    expect(await failure(() => decode({}, schema, Buffer.from("{}")))).toContain("avro.raw_datums reads bare records");
  });

  test("fingerprints are CRC-64-AVRO", () => {
    // Apache Avro, share/test/data/schema-tests.txt
    expect(BigInt.asIntN(64, crc64Avro(Buffer.from('"null"')))).toBe(7195948357588979594n);
    expect(BigInt.asIntN(64, crc64Avro(Buffer.from('"int"')))).toBe(8247732601305521295n);
  });
});

function laughs(): string {
  const names = Array.from({ length: 20 }, (_, i) => `L${i}`);
  const fields = names.map((name, i) => ({
    name: `f${i}`,
    type: {
      type: "record",
      name,
      fields: i === 0 ? [{ name: "a", type: "int" }] : [1, 2, 3].map((n) => ({ name: `x${n}`, type: names[i - 1] })),
    },
  }));
  return JSON.stringify({ type: "record", name: "R", fields });
}
