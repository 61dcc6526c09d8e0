import { type ConnectionSchema, ConnectorError, type ConnectorOptions, type Format, kindOf } from "@x/connector-api";
import { laterVersion, refuseOthers, storedFields } from "../format-options.js";
import { createJsonDecoder } from "../json/decode-json.js";
import { createJsonEncoder } from "../json/encode-json.js";
import { checkUnstructuredSchema, createUnstructuredDecoder, createUnstructuredEncoder } from "../json/unstructured.js";

/** The options of {@link json} as they are stored. */
export type JsonOptions = {
  /** One column `value` holds the whole document. */
  readonly unstructured: boolean;
  /** How a TIMESTAMP is written; both forms are always read. */
  readonly timestampFormat: "rfc3339" | "unix_millis";
  /** How a DECIMAL is written; both forms are always read. */
  readonly decimalEncoding: "number" | "string";
};

const timestampFormats = ["rfc3339", "unix_millis"] as const;
const decimalEncodings = ["number", "string"] as const;

/** One JSON object per payload, its fields matched to columns by name; or any document as one column (`unstructured`). */
export const json = {
  name: "json",
  text: true,
  fromOptions(options) {
    options.declare([
      "json.unstructured",
      "json.timestamp_format",
      "json.decimal_encoding",
      "json.compression",
      "json.include_schema",
      "json.confluent_schema_registry",
    ]);
    refuseLater(options);
    return {
      unstructured: options.pullBool("json.unstructured") ?? false,
      timestampFormat: foldTimestampFormat(
        options.pullChoice("json.timestamp_format", ["RFC3339", "unix_millis", "UnixMillis"]),
      ),
      decimalEncoding: options.pullChoice("json.decimal_encoding", decimalEncodings) ?? "number",
    };
  },
  /** Reads Arroyo's stored names as well (`timestamp_format`, and the features that come later as `false`). */
  parse(value) {
    const stored = storedFields(value);
    const field = (camel: string, snake: string): unknown => stored[camel] ?? stored[snake] ?? undefined;
    for (const name of ["include_schema", "confluent_schema_registry", "debezium"]) {
      const camel = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      if (field(camel, name) === true) throw laterVersion(`json.${name}`);
    }
    if ((stored.compression ?? "uncompressed") !== "uncompressed") throw laterVersion("json.compression");
    refuseOthers(stored, "json", storedNames);
    return {
      unstructured: parseBoolean(field("unstructured", "unstructured"), "format.unstructured"),
      timestampFormat: parseChoice(
        field("timestampFormat", "timestamp_format"),
        timestampFormats,
        "format.timestampFormat",
      ),
      decimalEncoding: parseChoice(
        field("decimalEncoding", "decimal_encoding"),
        decimalEncodings,
        "format.decimalEncoding",
      ),
    };
  },
  checkSchema: checkColumns,
  async openDecoder(options, { schema }) {
    checkColumns(schema, options);
    return options.unstructured ? createUnstructuredDecoder(schema) : createJsonDecoder(schema);
  },
  async openEncoder(options, { schema }) {
    checkColumns(schema, options);
    return options.unstructured ? createUnstructuredEncoder(schema) : createJsonEncoder(schema, options);
  },
} as const satisfies Format<JsonOptions>;

const storedNames = [
  "unstructured",
  "timestampFormat",
  "timestamp_format",
  "decimalEncoding",
  "decimal_encoding",
  "compression",
  "includeSchema",
  "include_schema",
  "confluentSchemaRegistry",
  "confluent_schema_registry",
  "debezium",
];

function refuseLater(options: ConnectorOptions): void {
  for (const name of ["json.include_schema", "json.confluent_schema_registry"]) {
    if (options.pullBool(name) === true) throw laterVersion(name, options.placeOf(name));
  }
  if (options.pullChoice("json.compression", ["uncompressed", "gzip"]) === "gzip") {
    throw laterVersion("json.compression = 'gzip'", options.placeOf("json.compression"));
  }
}

function foldTimestampFormat(choice: string | undefined): JsonOptions["timestampFormat"] {
  return choice === undefined || choice === "RFC3339" ? "rfc3339" : "unix_millis";
}

function checkColumns(schema: ConnectionSchema, options: JsonOptions): void {
  if (options.unstructured) checkUnstructuredSchema(schema);
  else if (schema.columns.length === 0) {
    throw new ConnectorError(
      "SCHEMA_INVALID",
      `format "json" needs at least one column that is not metadata; json.unstructured takes any document as one column "value"`,
    );
  }
}

function parseBoolean(value: unknown, path: string): boolean {
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw new ConnectorError("OPTION_INVALID", `${path}: expected true or false, got ${kindOf(value)}`);
}

/** The first choice is the default. Case is ignored, for Arroyo's `RFC3339`. */
function parseChoice<const Choice extends string>(
  value: unknown,
  choices: readonly [Choice, ...Choice[]],
  path: string,
): Choice {
  if (value === undefined) return choices[0];
  const choice = choices.find((choice) => typeof value === "string" && choice === value.toLowerCase());
  if (choice !== undefined) return choice;
  const valid = choices.map((choice) => `"${choice}"`).join(", ");
  const got = typeof value === "string" ? JSON.stringify(value) : kindOf(value);
  throw new ConnectorError("OPTION_INVALID", `${path}: expected one of ${valid}, got ${got}`);
}
