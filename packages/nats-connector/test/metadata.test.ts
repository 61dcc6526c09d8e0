import { ConnectorOptions, defineSchema, type JsonObject, type JsonValue } from "@x/connector-api";
import { builtinStrategies } from "@x/nats-auth";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test, vi } from "vitest";
import { natsConnector } from "../src/nats-connector.js";

const connector = natsConnector({ environment: {} });
const { connectionSchema, tableSchema, icon, testing } = connector.metadata();
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictRequired: false });
ajv.addKeyword("x-option");
ajv.addFormat("date-time", /^\d{4}-\d\d-\d\dT/);

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Every schema of a named property, at any depth, with its path. */
function propertiesOf(schema: JsonValue, path = ""): [string, JsonObject][] {
  if (Array.isArray(schema)) return schema.flatMap((each, index) => propertiesOf(each, `${path}[${index}]`));
  if (!isObject(schema)) return [];
  const own = Object.entries(isObject(schema.properties) ? schema.properties : {}).flatMap(
    ([name, property]): [string, JsonObject][] => [
      [`${path}.${name}`, property as JsonObject],
      ...propertiesOf(property as JsonObject, `${path}.${name}`),
    ],
  );
  return [...own, ...["oneOf", "anyOf"].flatMap((key) => propertiesOf(schema[key] as JsonValue, path))];
}

/** The options in WITH, of every kind of table. */
function declaredOptions(): Set<string> {
  const declare = vi.spyOn(ConnectorOptions.prototype, "declare");
  for (const kind of [
    { type: "source", stream: "S" },
    { type: "source", subject: "s" },
    { type: "sink", stream: "S", subject: "s" },
    { type: "sink", subject: "s" },
  ]) {
    const options = ConnectorOptions.fromObject({ ...kind, servers: "a", format: "json" });
    connector.fromOptions("t", options, defineSchema({ id: "BIGINT" }));
  }
  const names = new Set(declare.mock.calls.flatMap(([declared]) => [...declared]));
  declare.mockRestore();
  return names;
}

/** Options that are no field of a profile or a table: those of formats, of OperatorConfig, and what has one value yet. */
const elsewhere = [
  /^(json|avro|proto|debezium|schema_registry|dead_letter|framing)\b/,
  /^(connection_profile|format|bad_data|rate_limit\.messages_per_second)$/,
  /^(partitions|partition\.token|partition\.filters|ordering|lineage|exactly_once\.progress_subject|sink\.sole_writer)$/,
  /^consumer\.(replay_policy|max_ack_pending|max_deliver)$/,
];

describe.each([
  ["profile", connectionSchema],
  ["table", tableSchema],
])("the JSON Schema of a %s", (_what, schema) => {
  test("is JSON Schema 2020-12", () => {
    expect(schema.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  test("says of every field what it is", () => {
    const properties = propertiesOf(schema);
    expect(properties.length).toBeGreaterThan(15);
    for (const [path, { title, description }] of properties) {
      expect([path, typeof title, typeof description]).toEqual([path, "string", "string"]);
    }
  });

  test("has examples that it takes and that parse", () => {
    const validate = ajv.compile(schema);
    const examples = schema.examples as JsonValue[];
    expect(examples.length).toBeGreaterThan(3);
    for (const example of examples) {
      expect([validate(example), validate.errors]).toEqual([true, null]);
      if (schema === tableSchema) connector.parseTable(example);
      else connector.parseProfile(example);
    }
  });
});

test("every example and default of a field is one that the field takes", () => {
  for (const [path, property] of [...propertiesOf(connectionSchema), ...propertiesOf(tableSchema)]) {
    const { examples = [], default: standard } = property;
    for (const value of [...(examples as JsonValue[]), ...(standard === undefined ? [] : [standard])]) {
      const valid = ajv.compile(property)(value);
      expect([path, value, valid]).toEqual([path, value, true]);
    }
  }
});

test("every option of WITH is a field with a description, or known to be elsewhere", () => {
  const described = new Set(
    [...propertiesOf(connectionSchema), ...propertiesOf(tableSchema)].map(([, property]) => property["x-option"]),
  );
  const missing = [...declaredOptions()].filter(
    (name) => !described.has(name) && !elsewhere.some((pattern) => pattern.test(name)),
  );
  const later = builtinStrategies.flatMap(({ optionNames }) => [...optionNames]);
  expect(missing.filter((name) => !name.startsWith("auth.") || later.includes(name))).toEqual([]);
});

test("secret fields carry their real names, per strategy", () => {
  const auth = (connectionSchema.properties as JsonObject).auth as { oneOf: JsonObject[] };
  const secrets = Object.fromEntries(
    auth.oneOf.map(({ title, properties }) => [
      title,
      Object.entries(properties as JsonObject).flatMap(([name, field]) =>
        (field as JsonObject).writeOnly === true ? [name] : [],
      ),
    ]),
  );
  expect(secrets).toMatchObject({ none: [], credentials: ["username", "password"], jwt: ["jwt", "nkeySeed"] });
  expect(Object.keys(secrets)).toEqual(builtinStrategies.map(({ type }) => type));
  const validate = ajv.compile(connectionSchema);
  const given = (fields: object): boolean => validate({ servers: "a", auth: fields });
  expect(given({ type: "credentials", username: "u", passwordFile: "/p" })).toBe(true);
  expect(given({ type: "credentials", username: "u" })).toBe(false);
  expect(given({ type: "credentials", username: "u", user: "u", password: "p" })).toBe(false);
});

test("a strategy that is handed in is described too", () => {
  const own = { ...builtinStrategies[0], type: "own", optionNames: ["auth.pin_code", "auth.pin_code_file"] };
  const { connectionSchema: schema } = natsConnector({ auth: [own] }).metadata();
  expect(JSON.stringify(schema)).toContain('"pinCodeFile"');
});

test("the icon is an inline SVG that does nothing", () => {
  expect(icon).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 24 24"[^>]*>.*<\/svg>$/);
  expect(icon).toContain("currentColor");
  expect(icon).not.toMatch(/<(script|foreignObject|image|use|style)|\son\w+=|href|url\(|javascript:/i);
  expect(testing).toBe(true);
});
