import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { type Column, parseColumn, parseSqlType, printSqlType, type SqlType } from "../src/index.js";

const scalar: fc.Arbitrary<SqlType> = fc.oneof(
  fc.constantFrom("boolean", "text", "uuid", "bytes", "date", "time", "json").map((kind): SqlType => ({ kind })),
  fc.record({ kind: fc.constant("integer" as const), bits: fc.constantFrom(16, 32, 64), unsigned: fc.boolean() }),
  fc.record({ kind: fc.constant("float" as const), bits: fc.constantFrom(32, 64) }),
  fc.record({ kind: fc.constant("timestamp" as const), precision: fc.integer({ min: 0, max: 9 }) }),
  fc
    .tuple(fc.integer({ min: 1, max: 38 }), fc.nat())
    .map(([precision, n]): SqlType => ({ kind: "decimal", precision, scale: n % (precision + 1) })),
);
const fieldName = fc.oneof(
  fc.constantFrom("a", "NOT", "order_id", "struct"),
  fc.string({ minLength: 1, maxLength: 6 }),
);
const { type: anyType } = fc.letrec<{ type: SqlType; column: Column }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    scalar,
    tie("type").map((element): SqlType => ({ kind: "array", element })),
    fc
      .uniqueArray(tie("column"), { minLength: 1, maxLength: 4, selector: (column) => column.name })
      .map((fields): SqlType => ({ kind: "struct", fields })),
  ),
  column: fc.record({ name: fieldName, type: tie("type"), nullable: fc.boolean() }),
}));

describe("parseSqlType", () => {
  test.prop([anyType])("reads back what printSqlType printed", (type) => {
    expect(parseSqlType(printSqlType(type))).toEqual(type);
  });

  test.prop([fc.string()])("reads anything, or refuses it with SCHEMA_INVALID", (text) => {
    try {
      parseSqlType(text);
    } catch (error) {
      expect(error).toMatchObject({ code: "SCHEMA_INVALID" });
    }
  });

  it.each([
    ["int", "INT"],
    ["INTEGER UNSIGNED", "INT UNSIGNED"],
    ["Float", "REAL"],
    ["double precision", "DOUBLE"],
    ["VARCHAR", "TEXT"],
    ["NUMERIC(5)", "DECIMAL(5, 0)"],
    ["timestamp(3)", "TIMESTAMP"],
    [" TEXT [] [] ", "TEXT[][]"],
    ['struct<a int not null,"b c" STRUCT<x TEXT[]>>[]', 'STRUCT<a INT NOT NULL, "b c" STRUCT<x TEXT[]>>[]'],
  ])("reads %j as %s", (text, canonical) => {
    expect(printSqlType(parseSqlType(text))).toBe(canonical);
  });

  it.each([
    ["BIGNT", 'unknown type "BIGNT"; did you mean "BIGINT"?'],
    ["toString", 'unknown type "toString"; the types are BOOLEAN, '],
    ["VARCHAR(20)", "VARCHAR takes no length, because a length would not be enforced; write VARCHAR"],
    ["DECIMAL", "DECIMAL needs a precision and a scale, as in DECIMAL(18, 2)"],
    ["DECIMAL(39, 0)", 'expected a precision from 1 to 38, got "39"'],
    ["DECIMAL(4, 5)", 'expected a scale from 0 to 4, got "5"'],
    ["TIMESTAMP(10)", 'expected a precision from 0 to 9, got "10"'],
    ["TEXT UNSIGNED", 'expected "[]" or the end of the type, got "UNSIGNED"'],
    ["STRUCT<a INT, a TEXT>", 'STRUCT has the field "a" twice'],
    ["STRUCT<a INT", 'expected ">", got the end'],
    ["INT NOT NULL", 'expected "[]" or the end of the type, got "NOT"'],
    ["", "expected a type, got the end"],
    ["INT;", 'cannot read ";"'],
  ])("refuses %j: %s", (text, message) => {
    expect(() => parseSqlType(text)).toThrow(message);
  });
});

describe("a type that is nested too deep", () => {
  it.each([
    [`${"STRUCT<a ".repeat(20_000)}INT${">".repeat(20_000)}`],
    [`INT${"[]".repeat(50_000)}`],
    [`${"STRUCT<a ".repeat(40)}INT${"[]".repeat(40)}${">".repeat(40)}`],
  ])("is refused with a code", (text) => {
    expect(() => parseSqlType(text)).toThrow(
      expect.objectContaining({ code: "SCHEMA_INVALID", message: "the type is nested deeper than 64 levels" }),
    );
  });
});

describe("parseColumn", () => {
  it.each(["TEXT METADATA FROM 'header.X-''Id'' ' NOT NULL", "text not null metadata from 'header.X-''Id'' '"])(
    "reads %j",
    (text) => {
      expect(parseColumn("c", text)).toEqual({
        name: "c",
        type: { kind: "text" },
        nullable: false,
        metadataKey: "header.X-'Id' ",
      });
    },
  );

  it("names the column in an error", () => {
    expect(() => parseColumn("c", "TEXT NOT")).toThrow('column "c": type "TEXT NOT": expected NULL, got the end');
    expect(() => parseColumn("c", "TEXT METADATA FROM subject")).toThrow("expected the metadata key in quotes");
  });
});
