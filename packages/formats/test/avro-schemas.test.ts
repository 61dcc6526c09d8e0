import assert from "node:assert/strict";
import {
  type ConnectionSchema,
  ConnectorOptions,
  defineSchema,
  isConnectorError,
  printSqlType,
} from "@x/connector-api";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AvroOptions, avro, avroSchemaOf, schemaFromAvro } from "../src/index.ts";
import { avroCase } from "./avro-reference.ts";
import { anySchema, decodeOne } from "./schemas.ts";

/** The same cases in every run of the default suite; the nightly lane takes many more, and others each time. */
const { PROPERTY_RUNS } = process.env;
const runs = PROPERTY_RUNS === undefined ? { numRuns: 100, seed: 20260101 } : { numRuns: Number(PROPERTY_RUNS) };

const options = (given: object): AvroOptions => avro.fromOptions(ConnectorOptions.fromObject({ avro: given }));
const value = defineSchema({ value: "JSON" });
const asJson = (schema: string): AvroOptions => options({ rawDatums: true, schema, intoUnstructuredJson: true });

describe("random Avro schemas, data by the specification", () => {
  test("read as the JSON that they are", async () => {
    await fc.assert(
      fc.asyncProperty(avroCase, async ({ schema, bytes, json }) => {
        const decoder = await avro.openDecoder(asJson(JSON.stringify(schema)), { schema: value });
        assert.deepStrictEqual(decodeOne(decoder, bytes).value, json);
      }),
      runs,
    );
  });

  test("read into the columns they have, and written back as the same data", async () => {
    await fc.assert(
      fc.asyncProperty(avroCase, async ({ schema, bytes, json }) => {
        const text = JSON.stringify(schema);
        const columns = { schema: schemaFromAvro(text) };
        const raw = options({ rawDatums: true, schema: text });
        const row = decodeOne(await avro.openDecoder(raw, columns), bytes);
        const written = (await avro.openEncoder(raw, columns)).encode(row);
        const decoder = await avro.openDecoder(asJson(text), { schema: value });
        assert.deepStrictEqual(decodeOne(decoder, written).value, json);
      }),
      runs,
    );
  });
});

/** What a union gives back of a JSON value that several of its branches could hold. */
async function through(union: readonly unknown[], json: unknown): Promise<unknown> {
  const fields = [{ name: "value", type: union }];
  const columns = { schema: defineSchema({ value: "JSON NOT NULL" }) };
  const raw = options({ rawDatums: true, schema: JSON.stringify({ type: "record", name: "R", fields }) });
  const written = (await avro.openEncoder(raw, columns)).encode({ value: json } as never);
  return decodeOne(await avro.openDecoder(raw, columns), written).value;
}
const long = (logicalType: string): object => ({ type: "long", logicalType });
const record = (name: string, type: unknown, more: object = {}): object => {
  return { type: "record", name, fields: [{ name: "a", type, ...more }] };
};

test.each([
  ["time", [long("time-micros"), { type: "int", logicalType: "time-millis" }], "01:18:45.001"],
  [
    "map",
    [{ type: "map", values: long("timestamp-nanos") }, record("N", long("timestamp-millis"))],
    { a: "1970-01-01T00:00:00.000Z" },
  ],
  ["float", [{ type: "map", values: "float" }, record("N", "double")], { a: 0.1 }],
  ["default", [record("N", "int", { default: 1 }), { type: "map", values: "int" }], {}],
  [
    "duration",
    [
      { type: "fixed", name: "D", size: 12, logicalType: "duration" },
      { type: "map", values: "int" },
    ],
    { months: 1, days: 2, millis: 3, more: 4 },
  ],
  [
    "inner",
    [{ type: "map", values: [long("time-micros"), "boolean"] }, record("N", ["null", "int", "string"])],
    { a: "01:00:00.5" },
  ],
] as const)("a union writes the branch that reads back the same: %s", async (_, union, json) => {
  expect(await through(union, json)).toEqual(json);
});

test("a union takes a time with other digits where no branch would read it back the same", async () => {
  expect(await through(["null", "int", long("timestamp-micros")], "2020-01-01T00:00:00+01:00")).toBe(
    "2019-12-31T23:00:00.000000Z",
  );
  expect(await through(["null", record("N", "int", { default: 7 }), "string"], {})).toEqual({ a: 7 });
});

/** Names that Avro takes, in place of those that JSON takes. */
export function renamed(schema: ConnectionSchema): ConnectionSchema {
  return JSON.parse(JSON.stringify(schema), (_key, value: unknown) => {
    if (!Array.isArray(value)) return value;
    return value.map((one: unknown, i) =>
      (one as { name?: unknown }).name === undefined ? one : { ...(one as object), name: `c${i}` },
    );
  }) as ConnectionSchema;
}

const printed = ({ columns }: ConnectionSchema): Record<string, string> =>
  Object.fromEntries(
    columns.map(({ name, type, nullable }) => [name, `${printSqlType(type)}${nullable ? "" : " NOT NULL"}`]),
  );

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isConnectorError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("it was taken");
}

describe("schemas from and to Avro", () => {
  test("any schema comes back equal", () => {
    fc.assert(
      fc.property(anySchema.map(renamed), (schema) => {
        assert.deepStrictEqual(schemaFromAvro(avroSchemaOf(schema)), schema);
      }),
      runs,
    );
  });

  test("every type has its column", () => {
    const types: Readonly<Record<string, unknown>> = {
      boolean: "boolean",
      int: "int",
      long: ["null", "long"],
      float: "float",
      double: "double",
      bytes: "bytes",
      string: ["string", "null"],
      decimal: { type: "bytes", logicalType: "decimal", precision: 9, scale: 2 },
      fixed: { type: "fixed", name: "F", size: 2 },
      money: { type: "fixed", name: "M", size: 8, logicalType: "decimal", precision: 18 },
      date: { type: "int", logicalType: "date" },
      clock: { type: "int", logicalType: "time-millis" },
      millis: { type: "long", logicalType: "timestamp-millis" },
      local: { type: "long", logicalType: "local-timestamp-micros" },
      nanos: { type: "long", logicalType: "timestamp-nanos" },
      uuid: { type: "string", logicalType: "uuid" },
      duration: { type: "fixed", name: "D", size: 12, logicalType: "duration" },
      enum: { type: "enum", name: "E", symbols: ["A"] },
      list: { type: "array", items: ["null", "string"] },
      map: { type: "map", values: "int" },
      union: ["null", "int", "string"],
      nothing: "null",
      tree: {
        type: "record",
        name: "T",
        fields: [
          { name: "v", type: "int" },
          { name: "all", type: { type: "array", items: "T" } },
        ],
      },
    };
    const fields = Object.entries(types).map(([name, type]) => ({ name, type }));
    expect(printed(schemaFromAvro({ type: "record", name: "R", fields } as never))).toEqual({
      boolean: "BOOLEAN NOT NULL",
      int: "INT NOT NULL",
      long: "BIGINT",
      float: "REAL NOT NULL",
      double: "DOUBLE NOT NULL",
      bytes: "BYTEA NOT NULL",
      string: "TEXT",
      decimal: "DECIMAL(9, 2) NOT NULL",
      fixed: "BYTEA NOT NULL",
      money: "DECIMAL(18, 0) NOT NULL",
      date: "DATE NOT NULL",
      clock: "TIME NOT NULL",
      millis: "TIMESTAMP NOT NULL",
      local: "TIMESTAMP(6) NOT NULL",
      nanos: "TIMESTAMP(9) NOT NULL",
      uuid: "UUID NOT NULL",
      duration:
        "STRUCT<months INT UNSIGNED NOT NULL, days INT UNSIGNED NOT NULL, millis INT UNSIGNED NOT NULL> NOT NULL",
      enum: "TEXT NOT NULL",
      list: "TEXT[] NOT NULL",
      map: "JSON NOT NULL",
      union: "JSON",
      nothing: "JSON",
      tree: "STRUCT<v INT NOT NULL, all JSON[] NOT NULL> NOT NULL",
    });
  });

  test("what has no column is refused by its place", () => {
    const record = (type: unknown): never => ({ type: "record", name: "R", fields: [{ name: "a", type }] }) as never;
    const wide = { type: "bytes", logicalType: "decimal", precision: 50 };
    expect(refusal(() => schemaFromAvro(record(wide)))).toBe(
      'SCHEMA_INVALID: the Avro schema at "a": a decimal of 50 digits; DECIMAL holds 38',
    );
    expect(refusal(() => schemaFromAvro("[]"))).toContain("expected a record with fields, got union");
    expect(refusal(() => schemaFromAvro('{"type":"record","name":"R","fields":[]}'))).toContain("a record with fields");
    expect(refusal(() => schemaFromAvro(record({ type: "int", "x-sql-type": "INTT" })))).toContain("unknown type");
    expect(refusal(() => schemaFromAvro(laughs()))).toContain("unfolds to more than 10000 types");
    expect(refusal(() => avroSchemaOf({ columns: [{ name: "a b", type: { kind: "text" }, nullable: true }] }))).toBe(
      'SCHEMA_INVALID: column "a b": Avro names are letters, digits and _; rename the column',
    );
  });

  test("records of one name are told apart", () => {
    const schema = defineSchema({ a: "STRUCT<b STRUCT<x INT>>", a_b: "STRUCT<y INT>" });
    const names = JSON.stringify(avroSchemaOf(schema, "R")).match(/"name":"R[^"]*"/g);
    expect(names).toEqual(['"name":"R"', '"name":"R_a"', '"name":"R_a_b"', '"name":"R_a_b_2"']);
    expect(schemaFromAvro(avroSchemaOf(schema))).toEqual(schema);
  });
});

/** Small as text, and without an end when unfolded: every array could hold anything. */
function laughs(): string {
  const names = Array.from({ length: 20 }, (_, i) => `L${i}`);
  const fields = names.map((name, i) => ({
    name: `f${i}`,
    type: {
      type: "record",
      name,
      fields:
        i === 0
          ? [{ name: "a", type: "int" }]
          : [1, 2, 3].map((n) => ({ name: `x${n}`, type: { type: "array", items: names[i - 1] } })),
    },
  }));
  return JSON.stringify({ type: "record", name: "R", fields });
}
