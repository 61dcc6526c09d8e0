import assert from "node:assert/strict";
import { isConnectorError } from "@x/connector-api";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mayLoseDigits, parseExact } from "../src/json/exact-numbers.ts";
import { formatDecimal } from "../src/values/decimal.ts";
import { anySchema, decodeOne, openJson, rowOf } from "./schemas.ts";

const schemaAndRow = anySchema.chain((schema) => fc.tuple(fc.constant(schema), rowOf(schema)));

describe("json over random schemas", () => {
  test.each([{ decimalEncoding: "number" as const }, { decimalEncoding: "string" as const }])(
    "gives back the row it wrote (%j)",
    async (options) => {
      await fc.assert(
        fc.asyncProperty(schemaAndRow, async ([schema, row]) => {
          const { encoder, decoder } = await openJson(schema, options);
          const read = decodeOne(decoder, encoder.encode(row));
          // Unlike expect(), it sees an own `__proto__`.
          assert.deepStrictEqual(read, row);
          expect(Object.keys(read).sort()).toEqual(Object.keys(row).sort());
          expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
        }),
        { numRuns: 600 },
      );
    },
  );

  test("writes what every JSON parser reads, with the columns in declared order", async () => {
    await fc.assert(
      fc.asyncProperty(schemaAndRow, async ([schema, row]) => {
        const { encoder } = await openJson(schema);
        const text = new TextDecoder("utf-8", { fatal: true }).decode(encoder.encode(row));
        // JavaScript itself puts keys that look like array indexes first.
        const names = schema.columns.map((column) => column.name);
        expect(Object.keys(JSON.parse(text))).toEqual(Object.keys(Object.fromEntries(names.map((name) => [name, 0]))));
      }),
      { numRuns: 200 },
    );
  });

  test("20,000 mutated payloads end in a row or in BAD_DATA", async () => {
    const bits = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("set", "cut", "insert")), {
      minLength: 1,
      maxLength: 4,
    });
    const outcomes = { row: 0, bad: 0 };
    await fc.assert(
      fc.asyncProperty(
        schemaAndRow,
        fc.array(bits, { minLength: 50, maxLength: 50 }),
        async ([schema, row], mutations) => {
          const { encoder, decoder } = await openJson(schema);
          const payload = encoder.encode(row);
          for (const mutation of mutations) {
            try {
              decodeOne(decoder, mutate(payload, mutation));
              outcomes.row++;
            } catch (error) {
              if (!isConnectorError(error) || error.code !== "BAD_DATA") throw error;
              outcomes.bad++;
            }
          }
        },
      ),
      { numRuns: 400 },
    );
    expect(outcomes.row + outcomes.bad).toBe(20_000);
    expect(Math.min(outcomes.row, outcomes.bad)).toBeGreaterThan(500);
    expect({}).not.toHaveProperty("polluted");
  });
});

describe("decimals", () => {
  test("come out with the digits of the text, whatever way they take", () => {
    const digits = fc.stringMatching(/^(0|[1-9]\d{0,17})(\.\d{1,18})?(e[+-]?\d{1,3})?$/);
    return fc.assert(
      fc.asyncProperty(
        digits,
        fc.boolean(),
        fc.integer({ min: 1, max: 38 }),
        fc.nat(38),
        async (text, negative, precision, s) => {
          const scale = s % (precision + 1);
          const number = (negative ? "-" : "") + text;
          const { decoder } = await openJson({
            columns: [{ name: "c", type: { kind: "decimal", precision, scale }, nullable: true }],
          });
          const read = (json: string): unknown => {
            try {
              return decodeOne(decoder, `{"c":${json}}`).c;
            } catch (error) {
              if (isConnectorError(error)) return error.code;
              throw error;
            }
          };
          expect(read(number)).toBe(formatDecimal(number, precision, scale) ?? "BAD_DATA");
          expect(read(`"${number}"`)).toBe(read(number));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("mayLoseDigits finds every number with more than 15 digits", () => {
    const padding = fc.string({ unit: "grapheme", maxLength: 40 });
    fc.assert(
      fc.property(padding, fc.stringMatching(/^\d{1,12}\.?\d{15,20}$/), padding, (before, number, after) => {
        expect(mayLoseDigits(`${before},${number}}${after}`)).toBe(true);
      }),
    );
    expect(mayLoseDigits('{"c":123456789012345,"d":[12345678.901234]}')).toBe(false);
  });
});

describe("parseExact", () => {
  test("equals JSON.parse where no number is long, whatever the strings look like", () => {
    const value = fc.jsonValue({ stringUnit: "binary" }).filter((value) => !hasLongNumber(value));
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        assert.deepStrictEqual(parseExact(text), JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test("keeps every integer, and every string that looks like one", () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n })),
        fc.array(fc.string()),
        (integers, strings) => {
          const text = `[[${integers.join(" , ")}],${JSON.stringify(strings.concat(integers.map(String)))}]`;
          const [read, texts] = parseExact(text) as [(number | bigint)[], string[]];
          expect(read.map(BigInt)).toEqual(integers);
          expect(texts).toEqual(strings.concat(integers.map(String)));
        },
      ),
    );
  });
});

function hasLongNumber(value: unknown): boolean {
  if (typeof value === "number") return String(value).length > 15 || String(value).includes("e");
  return typeof value === "object" && value !== null && Object.values(value).some(hasLongNumber);
}

function mutate(payload: Uint8Array, mutation: readonly (readonly [number, number, string])[]): Uint8Array {
  let bytes = [...payload];
  const alphabet = [...Buffer.from('{}[]",:0123456789eE+-.\\utfnls_ \u0000')];
  for (const [position, byte, kind] of mutation) {
    const at = position % (bytes.length + 1);
    const value = byte % 3 === 0 ? byte : (alphabet[byte % alphabet.length] ?? byte);
    if (kind === "set") bytes[at] = value;
    else if (kind === "cut") bytes = bytes.slice(0, at).concat(bytes.slice(at + (byte % 4)));
    else bytes.splice(at, 0, value);
  }
  return Uint8Array.from(bytes);
}
