import { readdirSync } from "node:fs";
import { ConnectorOptions, defineSchema, type Format, isConnectorError, type Row } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { builtinFormats, json, rawBytes, rawString, resolveFormat } from "../src/index.ts";
import { decodeOne, defaults, openJson } from "./schemas.ts";

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isConnectorError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("the list", () => {
  test("has every file of formats/", () => {
    const names = readdirSync(new URL("../src/formats", import.meta.url)).map((file) => file.replace(".ts", ""));
    expect(builtinFormats.map(({ name }) => name.replaceAll("_", "-")).sort()).toEqual(names.sort());
  });

  test("resolves builtin formats and those handed in", () => {
    const csv: Format = { name: "csv", text: true, fromOptions: () => ({}), parse: () => ({}) };
    expect(resolveFormat("json")).toBe(json);
    expect(resolveFormat("csv", [csv])).toBe(csv);
    expect(failure(() => resolveFormat("csv"))).toContain(
      'expected one of "json", "debezium_json", "avro", "protobuf", "raw_string", "raw_bytes", got "csv"',
    );
    expect(failure(() => resolveFormat("jsn"))).toContain('did you mean "json"?');
    expect(failure(() => resolveFormat("json", [json]))).toContain("OPTION_CONFLICT");
  });
});

describe("options of json", () => {
  const pull = (given: object) => {
    const options = ConnectorOptions.fromObject({ json: given });
    const stored = json.fromOptions(options);
    options.finish();
    return stored;
  };

  test("are stored as plain JSON that parses to itself", () => {
    expect(pull({})).toEqual(defaults);
    for (const spelling of ["UnixMillis", "unix_millis", "unix-millis"]) {
      expect(pull({ timestampFormat: spelling }).timestampFormat).toBe("unix_millis");
    }
    const given = pull({
      unstructured: true,
      timestampFormat: "rfc3339",
      decimalEncoding: "string",
      compression: "uncompressed",
    });
    expect(json.parse(JSON.parse(JSON.stringify({ type: "json", ...given })))).toEqual(given);
  });

  test("read what Arroyo stores", () => {
    const stored = {
      type: "json",
      confluent_schema_registry: false,
      schema_id: null,
      include_schema: false,
      debezium: false,
      unstructured: false,
      timestamp_format: "unix_millis",
      decimal_encoding: "string",
    };
    expect(json.parse(stored)).toEqual({
      unstructured: false,
      timestampFormat: "unix_millis",
      decimalEncoding: "string",
    });
    expect(json.parse({ timestamp_format: "RFC3339" })).toEqual(defaults);
  });

  test.each([
    [{ confluentSchemaRegistry: true }, 'OPTION_MISSING: option "schemaRegistry.endpoint" is required'],
    [
      { maxInflatedSize: 5 },
      "OPTION_UNKNOWN: option \"json.maxInflatedSize\" applies only to json.compression = 'gzip'",
    ],
    [
      { timestampFormat: "iso" },
      '"json.timestampFormat": expected one of "RFC3339", "unix_millis", "UnixMillis", got "iso"',
    ],
  ])("%j is refused", (given, message) => {
    expect(failure(() => pull(given))).toContain(message);
  });

  test.each([
    [{ unstructured: "yes" }, "OPTION_INVALID: format.unstructured: expected true or false, got string"],
    [{ timestampFormat: "iso" }, 'format.timestampFormat: expected one of "rfc3339", "unix_millis", got "iso"'],
    [{ unstructred: true }, 'format.unstructred: the format "json" has no such option'],
    [{ debezium: true }, 'use the format "debezium_json"'],
    [{ confluent_schema_registry: true }, "format.schemaRegistry: expected the registry's endpoint"],
    [[], "format: expected an object, got array"],
    [{ schemaRegistry: "http://h" }, "format.schemaRegistry: expected an object, got string"],
    [{ schemaRegistry: {} }, "format.schemaRegistry.endpoint: expected an address, got nothing"],
    [
      { schemaRegistry: { endpoint: "http://h", autoregister: true } },
      "format.schemaRegistry.autoregister: a schema registry has no such option; valid are endpoint, username",
    ],
    [
      { schemaRegistry: { endpoint: "http://h", auto_register: "yes" } },
      "format.schemaRegistry.autoRegister: expected true or false, got string",
    ],
    [
      { schemaRegistry: { endpoint: "http://h", username: "u", bearerToken: "t" } },
      "OPTION_CONFLICT: format.schemaRegistry: username and bearerToken exclude each other",
    ],
  ])("stored %j is refused", (stored, message) => {
    expect(failure(() => json.parse(stored))).toContain(message);
  });
});

test("the stored settings of a registry may have snake_case names", () => {
  const stored = { endpoint: "http://h", bearer_token: "{{ TOKEN }}", ca_file: "ca.pem", auto_register: true };
  expect(json.parse({ schema_registry: stored }).schemaRegistry).toEqual({
    endpoint: "http://h",
    bearerToken: "{{ TOKEN }}",
    caFile: "ca.pem",
    autoRegister: true,
  });
});

describe("json.unstructured", () => {
  const options = { unstructured: true };

  test("TEXT keeps the text as it came", async () => {
    const { encoder, decoder } = await openJson(defineSchema({ value: "TEXT" }), options);
    const text = ' {"b":9007199254740993, "b":1} ';
    expect(decodeOne(decoder, text)).toEqual({ value: text });
    expect(Buffer.from(encoder.encode({ value: text })).toString()).toBe(text);
    expect(failure(() => decodeOne(decoder, "{"))).toContain("BAD_DATA");
    expect(failure(() => encoder.encode({ value: "{" }))).toContain("the text of a JSON document");
  });

  test("JSON gives any document, losslessly", async () => {
    const { encoder, decoder } = await openJson(defineSchema({ value: "JSON NOT NULL" }), options);
    expect(decodeOne(decoder, "[9007199254740993]")).toEqual({ value: [9007199254740993n] });
    expect(decodeOne(decoder, '"n1"')).toEqual({ value: "n1" });
    expect(Buffer.from(encoder.encode({ value: [9007199254740993n] })).toString()).toBe("[9007199254740993]");
    expect(failure(() => decodeOne(decoder, "null"))).toContain('column "value": expected JSON NOT NULL, got null');
    expect(failure(() => encoder.encode({ value: Number.NaN }))).toContain('column "value": expected JSON');
  });

  test("takes no other schema", () => {
    const check = (columns: Record<string, string>) => () =>
      json.checkSchema(defineSchema(columns), { ...defaults, unstructured: true });
    check({ value: "TEXT" })();
    expect(failure(check({ a: "TEXT" }))).toContain("SCHEMA_INVALID: json.unstructured needs exactly one column");
    expect(failure(check({ value: "INT" }))).toContain('"value" TEXT or JSON; got of another type');
    expect(failure(check({ value: "TEXT", b: "INT" }))).toContain('got columns: "value", "b"');
    expect(failure(() => json.checkSchema({ columns: [] }, defaults))).toContain("at least one column");
  });
});

describe("raw formats", () => {
  test("raw_string is strict UTF-8", async () => {
    const schema = defineSchema({ value: "TEXT" });
    const decoder = await rawString.openDecoder({}, { schema });
    const encoder = await rawString.openEncoder({}, { schema });
    for (const text of ["", "\ufeffé😀", "a\u0000b"]) {
      expect(decodeOne(decoder, encoder.encode({ value: text }))).toEqual({ value: text });
    }
    expect(failure(() => decodeOne(decoder, new Uint8Array([0xc3])))).toContain("BAD_DATA");
    expect(failure(() => encoder.encode({ value: "\ud800" }))).toContain("lone surrogate");
    expect(failure(() => encoder.encode({ value: null }))).toContain('column "value": expected TEXT, got null');
    expect(failure(() => rawString.checkSchema(defineSchema({ value: "BYTEA" })))).toContain("SCHEMA_INVALID");
  });

  test("raw_bytes copies both ways", async () => {
    const schema = defineSchema({ value: "BYTEA" });
    const decoder = await rawBytes.openDecoder({}, { schema });
    const encoder = await rawBytes.openEncoder({}, { schema });
    const payload = Buffer.from([0, 255, 1]);
    const rows: Row[] = [];
    decoder.decode(payload, rows);
    const encoded = encoder.encode(rows[0] as Row);
    payload.fill(7);
    (rows[0] as { value: Uint8Array }).value.fill(9);
    expect(encoded).toStrictEqual(new Uint8Array([0, 255, 1]));
    expect(failure(() => encoder.encode({ value: "x" }))).toContain('column "value": expected BYTEA, got string');
    expect(failure(() => rawBytes.parse({ level: 5 }))).toContain("has no such option; it has no options");
  });
});
