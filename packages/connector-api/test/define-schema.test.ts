import { describe, expect, expectTypeOf, it } from "vitest";
import { defineSchema, type InferColumn, type InferRow, type JsonValue, type RowValue } from "../src/index.js";

describe("defineSchema", () => {
  it("parses the columns in declared order", () => {
    const schema = defineSchema({ id: "BIGINT NOT NULL", note: "TEXT", from: "TEXT METADATA FROM 'subject'" });
    expect(schema.columns).toEqual([
      { name: "id", type: { kind: "integer", bits: 64, unsigned: false }, nullable: false },
      { name: "note", type: { kind: "text" }, nullable: true },
      { name: "from", type: { kind: "text" }, nullable: true, metadataKey: "subject" },
    ]);
  });

  it("infers the row", () => {
    const schema = defineSchema({
      id: "BIGINT NOT NULL",
      note: "TEXT",
      from: "TEXT METADATA FROM 'subject'",
      at: "TIMESTAMP METADATA FROM 'timestamp' NOT NULL",
    });
    expectTypeOf<InferRow<typeof schema>>().toEqualTypeOf<{
      id: number | bigint;
      note: string | null;
      from: string | null;
      at: Date;
    }>();
  });

  it("infers every scalar type", () => {
    expectTypeOf<InferColumn<"BOOLEAN NOT NULL">>().toEqualTypeOf<boolean>();
    expectTypeOf<InferColumn<"int unsigned not null">>().toEqualTypeOf<number>();
    expectTypeOf<InferColumn<"SMALLINT">>().toEqualTypeOf<number | null>();
    expectTypeOf<InferColumn<"BIGINT UNSIGNED">>().toEqualTypeOf<number | bigint | null>();
    expectTypeOf<InferColumn<"DOUBLE PRECISION">>().toEqualTypeOf<number | null>();
    expectTypeOf<InferColumn<"DECIMAL(10, 2) NOT NULL">>().toEqualTypeOf<string>();
    expectTypeOf<InferColumn<"UUID">>().toEqualTypeOf<string | null>();
    expectTypeOf<InferColumn<"BYTEA">>().toEqualTypeOf<Uint8Array | null>();
    expectTypeOf<InferColumn<"TIMESTAMP(0) NOT NULL">>().toEqualTypeOf<Date>();
    expectTypeOf<InferColumn<"TIMESTAMP(6) NOT NULL">>().toEqualTypeOf<bigint>();
    expectTypeOf<InferColumn<"TIMESTAMP(9)">>().toEqualTypeOf<bigint | null>();
    expectTypeOf<InferColumn<"JSON NOT NULL">>().toEqualTypeOf<JsonValue>();
    expectTypeOf<InferColumn<"GEOMETRY">>().toEqualTypeOf<RowValue>();
    expectTypeOf<InferColumn<"bigint   unsigned\n\tNOT  NULL">>().toEqualTypeOf<number | bigint>();
    expectTypeOf<InferColumn<"TIMESTAMP (6) NOT NULL">>().toEqualTypeOf<bigint>();
    expectTypeOf<InferColumn<"DECIMAL (10, 2)">>().toEqualTypeOf<string | null>();
    expectTypeOf<InferColumn<"TEXT [] NOT NULL">>().toEqualTypeOf<(string | null)[]>();
    expectTypeOf<InferColumn<"struct <a INT  NOT NULL> NOT NULL">>().toEqualTypeOf<{ a: number }>();
    expectTypeOf<InferColumn<"TEXT  METADATA  FROM 'a  b'  NOT  NULL">>().toEqualTypeOf<string>();
  });

  it("infers the other spellings and the types that hold texts", () => {
    expectTypeOf<InferColumn<"NUMERIC(38) NOT NULL">>().toEqualTypeOf<string>();
    expectTypeOf<InferColumn<"VARCHAR NOT NULL">>().toEqualTypeOf<string>();
    expectTypeOf<InferColumn<"DATE NOT NULL">>().toEqualTypeOf<string>();
    expectTypeOf<InferColumn<"TIME">>().toEqualTypeOf<string | null>();
    expectTypeOf<InferColumn<"REAL NOT NULL">>().toEqualTypeOf<number>();
    expectTypeOf<InferColumn<"FLOAT">>().toEqualTypeOf<number | null>();
    expectTypeOf<InferColumn<"INTEGER NOT NULL">>().toEqualTypeOf<number>();
    expectTypeOf<InferColumn<"SMALLINT UNSIGNED NOT NULL">>().toEqualTypeOf<number>();
    expectTypeOf<InferColumn<"TIMESTAMP(3) NOT NULL">>().toEqualTypeOf<Date>();
    expectTypeOf<InferColumn<"TIMESTAMP(4) NOT NULL">>().toEqualTypeOf<bigint>();
    expectTypeOf<InferColumn<"\n  bigint[]\n  NOT NULL">>().toEqualTypeOf<(number | bigint | null)[]>();
    expectTypeOf<InferColumn<"struct<a int not null> not null">>().toEqualTypeOf<{ a: number }>();
  });

  it("infers arrays and structs", () => {
    expectTypeOf<InferColumn<"TEXT[] NOT NULL">>().toEqualTypeOf<(string | null)[]>();
    expectTypeOf<InferColumn<"INT[][]">>().toEqualTypeOf<((number | null)[] | null)[] | null>();
    expectTypeOf<
      InferColumn<"STRUCT<a INT NOT NULL, price DECIMAL(10, 2), deep STRUCT<x TEXT, y BYTEA NOT NULL>[] NOT NULL> NOT NULL">
    >().toEqualTypeOf<{
      a: number;
      price: string | null;
      deep: ({ x: string | null; y: Uint8Array } | null)[];
    }>();
    expectTypeOf<InferColumn<"STRUCT<a INT NOT NULL>[]">>().toEqualTypeOf<({ a: number } | null)[] | null>();
    expectTypeOf<InferColumn<'STRUCT<"a b" TEXT>'>>().toEqualTypeOf<{ "a b": string | null } | null>();
  });

  it("names the column of a bad type", () => {
    expect(() => defineSchema({ id: "BIGNT" })).toThrow('column "id": unknown type "BIGNT"; did you mean "BIGINT"?');
    expect(() => defineSchema({ id: "INT KEY" })).toThrow("expected NOT NULL, METADATA FROM 'key' or the end");
    expect(() => defineSchema({ 1: "INT" })).toThrow("the order would be lost");
  });
});
