import { fc, test } from "@fast-check/vitest";
import { defineSchema, isConnectorError, type Row } from "@x/connector-api";
import { describe, expect, it } from "vitest";
import { coversSubject } from "../../src/sink/subject-match.ts";
import { compileSubjectTemplate } from "../../src/sink/subject-template.ts";

const schema = defineSchema({
  id: "BIGINT",
  region: "TEXT",
  other: "TEXT",
  ok: "BOOLEAN",
  day: "DATE",
  price: "DECIMAL(10,2)",
  units: "DECIMAL(10,0)",
  ratio: "DOUBLE",
  at: "TIMESTAMP",
  blob: "BYTEA",
  doc: "JSON",
  tags: "TEXT[]",
  place: "STRUCT<x INT>",
});
const subjectOf = (template: string, row: Row): string => compileSubjectTemplate(template, schema).subject(row);

describe("a subject template", () => {
  it("puts columns in their tokens", () => {
    expect(subjectOf("orders.{region}.{id}", { region: "eu-west_1", id: 7 })).toBe("orders.eu-west_1.7");
    expect(subjectOf("a.{id}-{ok}", { id: 2n ** 60n, ok: false })).toBe("a.1152921504606846976-false");
    expect(subjectOf("{day}.{units}.x", { day: "2026-01-31", units: "-12" })).toBe("2026-01-31.-12.x");
    expect(subjectOf("p.{ Region }", { region: "größe" })).toBe("p.größe");
  });

  it("knows its pattern and when it is constant", () => {
    expect(compileSubjectTemplate("a.{id}-{ok}.c.{region}", schema)).toMatchObject({
      pattern: "a.*.c.*",
      constant: false,
    });
    expect(compileSubjectTemplate("a.b", schema)).toMatchObject({ pattern: "a.b", constant: true });
  });

  it.each(["a.b", "*", ">", "", " ", "a b", "a\r\nPUB x 0", "\t", "\u0000", "\u00a0", "\ud800", "\u2028"])(
    "refuses the value %j naming the column",
    (region) => {
      expect(() => subjectOf("x.{region}.y", { region })).toThrowError(
        expect.objectContaining({ code: "BAD_DATA", context: { column: "region" } }),
      );
    },
  );

  it("refuses null, a wrong type, a system subject and an endless one", () => {
    expect(() => subjectOf("x.{region}", { region: null })).toThrow(/"region" is null/);
    expect(() => subjectOf("x.{id}", { id: 1.5 })).toThrow(/"id": expected an integer/);
    expect(() => subjectOf("{region}.x", { region: "$JS" })).toThrow(/system subject/);
    expect(subjectOf("x.{region}", { region: "$JS" })).toBe("x.$JS");
    expect(() => subjectOf("x.{region}", { region: "x".repeat(3000) })).toThrow(/longer than 2048 bytes/);
  });

  it.each(["price", "ratio", "at", "blob", "doc", "tags", "place"])(
    "refuses a column without a safe text: %s",
    (column) => {
      expect(() => compileSubjectTemplate(`x.{${column}}`, schema)).toThrowError(
        expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(`"${column}"`) }),
      );
    },
  );

  it.each(["", "a..b", ".a", "a.", "a b", "a.*", "a.>", "a.{id", "a.id}", "a.{id}.", "a\n"])(
    "refuses the text %j",
    (text) => {
      expect(() => compileSubjectTemplate(text, schema)).toThrowError(
        expect.objectContaining({ code: "OPTION_INVALID" }),
      );
    },
  );

  it("suggests the column that was meant", () => {
    expect(() => compileSubjectTemplate("x.{regoin}", schema)).toThrow(
      'subject: unknown column "regoin"; did you mean "region"?',
    );
    expect(() => compileSubjectTemplate("x.{zzzzzzzz}", schema)).toThrow(
      /unknown column "zzzzzzzz"; columns: id, region/,
    );
  });

  const anyText = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({
      unit: fc.constantFrom(".", "*", ">", " ", "\r", "\n", "\t", "\0", "a", "$", "é", "\ud83d", "\ude00", "\u0085"),
    }),
  );
  test.prop([
    anyText,
    anyText,
    fc.constantFrom("{region}", "pre.{region}.post", "a.{region}{other}", "a.{region}-x.{other}.z"),
  ])("confines any value to its token, or refuses it", (region, other, source) => {
    const template = compileSubjectTemplate(source, schema);
    let subject: string;
    try {
      subject = template.subject({ region, other });
    } catch (error) {
      if (!isConnectorError(error)) throw error;
      expect(error.code).toBe("BAD_DATA");
      return;
    }
    expect(subject).not.toMatch(/[\s*>]|\.\.|^\.|\.$|^\$/);
    expect(coversSubject(template.pattern, subject)).toBe(true);
    expect(Buffer.from(subject).toString()).toBe(subject);
    expect(subject).toBe(source.replace("{region}", () => region).replace("{other}", () => other));
  });
});

describe("coversSubject", () => {
  it.each([
    ["a.b", "a.b", true],
    ["a.*", "a.b", true],
    ["a.*", "a.*", true],
    ["a.>", "a.*.c", true],
    [">", "a", true],
    ["a.>", "a.>", true],
    ["a.b", "a.*", false],
    ["a.*", "a.>", false],
    ["a.>", "a", false],
    ["a", "a.b", false],
    ["a.b", "a", false],
  ])("%s covers %s: %s", (filter, pattern, covers) => {
    expect(coversSubject(filter, pattern)).toBe(covers);
  });
});
