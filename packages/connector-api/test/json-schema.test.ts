import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Column,
  defineSchema,
  jsonSchemaOf,
  parseColumn,
  type SqlType,
  schemaFromJsonSchema,
} from "../src/index.js";

const scalar: fc.Arbitrary<SqlType> = fc.oneof(
  fc
    .constantFrom<SqlType["kind"]>("boolean", "text", "uuid", "bytes", "date", "time", "json")
    .map((kind) => ({ kind }) as SqlType),
  fc.record({
    kind: fc.constant("integer" as const),
    bits: fc.constantFrom(16 as const, 32 as const, 64 as const),
    unsigned: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("float" as const), bits: fc.constantFrom(32 as const, 64 as const) }),
  fc.record({ kind: fc.constant("timestamp" as const), precision: fc.nat(9) }),
  fc
    .tuple(fc.integer({ min: 1, max: 38 }), fc.nat(38))
    .map(([precision, scale]): SqlType => ({ kind: "decimal", precision, scale: scale % (precision + 1) })),
);

/** Keys that are integers would lose their place in an object, as everywhere in JavaScript. */
const names = fc
  .oneof(fc.string({ maxLength: 6 }), fc.constantFrom("__proto__", "a/b~c", "é", "x y"))
  .filter((name) => !/^\d+$/.test(name));

const { columns } = fc.letrec<{ type: SqlType; columns: Column[] }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    scalar,
    tie("type").map((element): SqlType => ({ kind: "array", element })),
    tie("columns").map((fields): SqlType => ({ kind: "struct", fields })),
  ),
  columns: fc.uniqueArray(fc.record({ name: names, type: tie("type"), nullable: fc.boolean() }), {
    minLength: 1,
    maxLength: 4,
    selector: (column) => column.name,
  }),
}));

describe("jsonSchemaOf and schemaFromJsonSchema", () => {
  it("come back to the same schema, whatever it is", () => {
    fc.assert(
      fc.property(columns, (columns) => {
        const text = JSON.stringify(jsonSchemaOf({ columns }));
        expect(schemaFromJsonSchema(JSON.parse(text))).toEqual({ columns });
      }),
      { numRuns: 500 },
    );
  });

  it("say what a payload is", () => {
    const schema = defineSchema({
      id: "INT NOT NULL",
      at: "TIMESTAMP",
      tags: "TEXT[]",
      subject: "TEXT METADATA FROM 'subject'",
    });
    expect(jsonSchemaOf(schema)).toEqual({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: {
        id: { type: "integer", format: "int32", minimum: -2147483648, maximum: 2147483647 },
        at: { type: ["string", "null"], format: "date-time" },
        tags: { type: ["array", "null"], items: { type: ["string", "null"] } },
      },
      required: ["id"],
    });
  });

  it.each<[object, string]>([
    [{ type: "integer" }, "BIGINT"],
    [{ type: "integer", minimum: 0, maximum: 100 }, "SMALLINT"],
    [{ type: "integer", minimum: 0, maximum: 40000 }, "INT"],
    [{ type: "number" }, "DOUBLE"],
    [{ enum: ["a", "b"] }, "TEXT"],
    [{ const: true }, "BOOLEAN"],
    [{ type: "string", format: "email" }, "TEXT"],
    [{ type: "object" }, "JSON"],
    [{ type: "array" }, "JSON"],
    [{ anyOf: [{ type: "null" }, { type: "string", format: "uuid" }] }, "UUID"],
    [{ $ref: "#/$defs/a~1b" }, "STRUCT<x DOUBLE NOT NULL>"],
  ])("%j is %s", (property, type) => {
    const $defs = { "a/b": { type: "object", properties: { x: { type: "number" } }, required: ["x"] } };
    const found = schemaFromJsonSchema({ type: "object", properties: { p: property }, $defs });
    expect(found.columns).toEqual([parseColumn("p", type)]);
  });

  it.each<[unknown, string]>([
    ["x", "#: expected a schema, got string"],
    [{ type: "string" }, "#: the root must be an object with properties"],
    [{ type: "object", properties: {} }, "#/properties: an object needs a property"],
    [object({ type: ["string", "integer"] }), "#/properties/p~1q/type: a union of string, integer has no SQL type"],
    [object({ anyOf: [{ type: "string" }, { type: "number" }] }), "#/properties/p~1q/anyOf: only a type beside null"],
    [object({ allOf: [] }), "#/properties/p~1q/allOf: has no SQL type"],
    [object({ type: "array", prefixItems: [] }), "#/properties/p~1q/prefixItems"],
    [object({ type: "array", items: { type: "nil" } }), '#/properties/p~1q/items/type: unknown type "nil"'],
    [object({ $ref: "#" }), "a type that holds itself has no SQL type"],
    [object({ $ref: "#/nowhere" }), "there is no #/nowhere"],
    [object({ $ref: "#/%zz" }), '"%zz" is no part of a URI fragment'],
    [object({ $ref: "https://example.com" }), "only references within the document"],
    [object(false), "#/properties/p~1q: expected a schema, got false, which nothing fits"],
    [object({ type: "null" }), "null alone has no SQL type"],
    [object({ "x-sql-type": "DECMAL(1)" }), "x-sql-type: unknown type"],
  ])("%j is refused", (schema, message) => {
    expect(() => schemaFromJsonSchema(schema)).toThrow(
      expect.objectContaining({ code: "SCHEMA_INVALID", message: expect.stringContaining(message) }),
    );
  });

  it("is refused where it is too deep, or too much behind few words", () => {
    const deep = object(nested(20_000, (items) => ({ type: "array", items })));
    expect(() => schemaFromJsonSchema(deep)).toThrow("nested deeper than 64 levels");
    const twice = (i: number): object => ({ $ref: `#/$defs/${i + 1}` });
    const pairs = Array.from({ length: 20 }, (_, i) => [
      i,
      { type: "object", properties: { a: twice(i), b: twice(i) } },
    ]);
    const $defs = { ...Object.fromEntries(pairs), 20: { type: "integer" } };
    const laughing = { type: "object", properties: { all: { $ref: "#/$defs/0" } }, $defs };
    expect(() => schemaFromJsonSchema(laughing)).toThrow("more than 10000 subschemas");
  });
});

/** `nest` applied to a string, so many times. */
function nested(times: number, nest: (inner: object) => object): object {
  let schema: object = { type: "string" };
  for (let i = 0; i < times; i++) schema = nest(schema);
  return schema;
}

function object(property: unknown): object {
  return { type: "object", properties: { "p/q": property } };
}
