import { createHash } from "node:crypto";
import { type ConnectionSchema, ConnectorOptions, defineSchema, isConnectorError, type Row } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { canonicalForm } from "../src/avro/canonical-form.ts";
import { crc64Avro, singleObjectHeader } from "../src/avro/fingerprint.ts";
import { parseAvroSchema } from "../src/avro/schema-model.ts";
import { avro, schemaFromAvro } from "../src/index.ts";
import { bytesOf, exactJson, jsonOf, linesOf, schemaOf, textOf } from "./fixture-files.ts";

const value = defineSchema({ value: "JSON" });

async function readAvro(
  payload: Uint8Array,
  schema: ConnectionSchema = value,
  options: object = { intoUnstructuredJson: schema === value },
): Promise<Row[]> {
  const rows: Row[] = [];
  const parsed = avro.fromOptions(ConnectorOptions.fromObject({ avro: options }));
  (await avro.openDecoder(parsed, { schema })).decode(payload, rows);
  return rows;
}

/** Times without zeros at the end, which some write and others do not. */
const trimmed = (given: unknown): unknown => {
  if (typeof given === "string")
    return given.replace(/(:\d\d)\.?(\d*?)0*(Z?)$/, (_, s, digits, z) => `${s}${digits && "."}${digits}${z}`);
  if (Array.isArray(given)) return given.map(trimmed);
  if (typeof given !== "object" || given === null) return given;
  return Object.fromEntries(Object.entries(given).map(([key, inner]) => [key, trimmed(inner)]));
};
const valuesOf = (rows: readonly Row[]): unknown => rows.map((row) => trimmed(row.value));

const flights = defineSchema({
  date: "TEXT NOT NULL",
  delay: "INT",
  distance: "BIGINT NOT NULL",
  origin: "TEXT NOT NULL",
  destination: "TEXT NOT NULL",
});

describe("what others wrote", () => {
  test.each(["flights-fastavro.avro", "flights-apache.avro"])("real data: %s", async (name) => {
    expect(await readAvro(bytesOf(name), flights)).toEqual(jsonOf("flights.json"));
  });

  test.each(["weather.avro", "weather-deflate.avro", "weather-snappy.avro"])(
    "of Apache's own test data: %s",
    async (name) => {
      const rows = linesOf("apache-avro/weather.json").map((line) => ({ value: JSON.parse(line) as unknown }));
      expect(await readAvro(bytesOf(`apache-avro/${name}`))).toEqual(rows);
    },
  );

  test("a codec that is not read is refused by its name", async () => {
    const refused: unknown = await readAvro(bytesOf("apache-avro/weather-zstd.avro")).catch((error: unknown) => error);
    expect(isConnectorError(refused) && `${refused.code}: ${refused.message}`).toMatch(
      /BAD_DATA: .*codec is zstandard/,
    );
  });

  test("of Apache's own test data: unions, and a single object", async () => {
    expect(await readAvro(bytesOf("apache-avro/union.avro"))).toHaveLength(3);
    const options = { schema: textOf("apache-avro/message.avsc"), singleObject: true };
    const schema = defineSchema({ id: "BIGINT", name: "TEXT", tags: "TEXT[]" });
    expect(await readAvro(bytesOf("apache-avro/message.bin"), schema, options)).toEqual([
      { id: 42, name: "Bill", tags: ["dog_lover", "cat_hater"] },
    ]);
  });

  test.each(["java-null.avro", "java-deflate.avro", "java-snappy.avro"])(
    "every logical type of Java: %s",
    async (name) => {
      expect(valuesOf(await readAvro(bytesOf(name)))).toEqual(exactJson(textOf("java-rows.json")));
    },
  );

  test("every logical type of Java, into columns", async () => {
    const file = bytesOf("java-null.avro");
    const schema = schemaFromAvro(schemaOf(file));
    const [row] = await readAvro(file, schema, {});
    expect(row).toEqual({
      dec: "-1234567890123456789012345678.0123456789",
      fixed_dec: "-12345678.90",
      day: "1969-07-20",
      t_ms: "23:59:59.999",
      t_us: "01:02:03.000004",
      ms: new Date(-877),
      us: -876_544n,
      ns: 123_456_789n,
      local_ms: new Date(-877),
      local_us: -876_544n,
      local_ns: 123_456_789n,
      id: "01020304-0506-0708-ffff-ffffffffffff",
      fixed_id: "ffffffff-ffff-ffff-0102-030405060708",
      took: { months: 0, days: 0, millis: 4_294_967_295 },
      hash: new Uint8Array([255, 0]),
      suit: "HEARTS",
      map: JSON.parse('{"__proto__":0,"n":null}'),
      list: ["", "a\u0000b", "é"],
      many: null,
    });
  });

  test("logical types of fastavro", async () => {
    const rows = await readAvro(bytesOf("logical-fastavro.avro"));
    expect(rows.map((row) => (row.value as Row).big)).toEqual([-(2n ** 63n), 2n ** 63n - 1n, 1, -1, 0]);
    expect(rows[1]?.value).toMatchObject({
      dec: "-1234567890123456.7891",
      many: 2n ** 53n + 1n,
      us: "1969-12-31T23:59:59.999999Z",
    });
  });

  test("random schemas and data of fastavro, which Apache Avro reads as well", async () => {
    const lines = linesOf("random-fastavro.jsonl");
    expect(lines.length).toBeGreaterThan(50);
    for (const line of lines) {
      const { schema, payload, value: wanted } = exactJson(line) as { schema: object; payload: string; value: unknown };
      const bytes = Buffer.from(payload, "base64");
      const options = { rawDatums: true, schema: JSON.stringify(schema), intoUnstructuredJson: true };
      expect(valuesOf(await readAvro(bytes, value, options)), line).toEqual([trimmed(wanted)]);
      const columns = schemaFromAvro(JSON.stringify(schema));
      const typed = { rawDatums: true, schema: JSON.stringify(schema) };
      const [row] = await readAvro(bytes, columns, typed);
      const encoder = await avro.openEncoder(avro.parse(typed), { schema: columns });
      const again = await readAvro(encoder.encode(row as Row), value, options);
      expect(valuesOf(again), line).toEqual([trimmed(wanted)]);
    }
  });
});

describe("schema resolution, as fastavro resolves", () => {
  const cases = linesOf("resolution-fastavro.jsonl").map((line) => {
    const one = JSON.parse(line) as { writer: Field; reader: Field; payload: string; refused?: true };
    const types = [one.writer, one.reader].map(({ fields }) => JSON.stringify(fields[0]?.type));
    return { ...one, value: (exactJson(line) as { value?: unknown }).value, title: types.join(" → ").slice(0, 120) };
  });
  interface Field {
    readonly fields: readonly { readonly type: unknown }[];
  }

  test.each(cases)("$title", async ({ writer, reader, payload, value: wanted, refused }) => {
    const options = {
      ...{ rawDatums: true, intoUnstructuredJson: true },
      ...{ schema: JSON.stringify(writer), readerSchema: JSON.stringify(reader) },
    };
    const read = readAvro(Buffer.from(payload, "base64"), value, options);
    if (refused !== true) {
      expect(await read).toEqual([{ value: wanted }]);
      return;
    }
    const error: unknown = await read.then(String, (thrown: unknown) => thrown);
    // What can never be is told at the start, what this datum is not by the datum.
    expect(isConnectorError(error) ? error.code : error).toMatch(/^(SCHEMA_INVALID|BAD_DATA)$/);
  });
});

describe("fingerprints", () => {
  const pattern = /^<<INPUT(?: (.*)|\n([\s\S]*?)\nINPUT)\n<<canonical (.*)(?:\n<<fingerprint (.*))?/gm;
  const cases = [...textOf("apache-avro/schema-tests.txt").matchAll(pattern)].map(
    ([, line, lines, canonical = "", fingerprint]) => ({ input: line ?? lines ?? "", canonical, fingerprint }),
  );

  test("there are as many as there should be", () => {
    expect(cases.length).toBeGreaterThan(30);
  });

  test.each(cases)("of Apache's test file: $input", ({ input, canonical, fingerprint }) => {
    // Arrays of what takes no bytes are the one schema there that is refused: a count of them is any amount of memory.
    if (canonical === '{"type":"array","items":"null"}') {
      expect(() => parseAvroSchema(input, "schema")).toThrow("take no bytes");
      return;
    }
    const node = parseAvroSchema(input, "schema");
    expect(JSON.stringify(canonicalForm(node))).toBe(canonical);
    if (fingerprint === undefined) return;
    expect(BigInt.asIntN(64, crc64Avro(Buffer.from(canonical)))).toBe(BigInt(fingerprint));
    expect(Buffer.from(singleObjectHeader(node)).readBigInt64LE(2)).toBe(BigInt(fingerprint));
  });
});

describe("what ours wrote", () => {
  const { sha256 } = jsonOf("verified.json") as { sha256: Record<string, string> };

  test.each(Object.entries(sha256))("%s is what the others have verified", (name, sum) => {
    expect(createHash("sha256").update(bytesOf(name)).digest("hex")).toBe(sum);
  });

  test("is still written to the byte", async () => {
    const rows = jsonOf("flights.json") as Row[];
    const raw = await avro.openEncoder(avro.parse({ rawDatums: true }), { schema: flights });
    expect(Buffer.concat(rows.map((row) => raw.encode(row))).equals(bytesOf("ours-raw.bin"))).toBe(true);
    const single = await avro.openEncoder(avro.parse({ singleObject: true }), { schema: flights });
    expect(Buffer.from(single.encode(rows[0] as Row)).equals(bytesOf("ours-single.bin"))).toBe(true);
    for (const name of ["ours-given.avro", "ours-derived.avro"]) {
      const file = bytesOf(name);
      const text = schemaOf(file);
      const columns = schemaFromAvro(text);
      const encoder = await avro.openEncoder(avro.parse({ rawDatums: true, schema: text }), { schema: columns });
      for (const row of await readAvro(file, columns, {}))
        expect(file.includes(Buffer.from(encoder.encode(row))), name).toBe(true);
    }
    expect(await readAvro(bytesOf("ours-container.avro"), flights)).toEqual(rows.slice(0, 1));
  });
});
