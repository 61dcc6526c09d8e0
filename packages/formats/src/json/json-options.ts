import { ConnectorError, type ConnectorOptions, kindOf } from "@x/connector-api";
import { compactFields, StoredFormat } from "../format-options.js";
import { parseRegistry, type RegistrySettings, registryFromOptions } from "../schema/registry-options.js";

/** The options of the JSON formats as they are stored. */
export type JsonOptions = {
  /** One column `value` holds the whole document. */
  readonly unstructured: boolean;
  /** How a TIMESTAMP is written; both forms are always read. */
  readonly timestampFormat: "rfc3339" | "unix_millis";
  /** How a DECIMAL is written. Numbers are always read; a string holds digits, or with `bytes` base64 of the unscaled integer. */
  readonly decimalEncoding: "number" | "string" | "bytes";
  /** The object stands in `payload` beside its `schema` (Kafka Connect). */
  readonly includeSchema?: boolean;
  readonly compression?: "gzip";
  /** Bytes a compressed payload may inflate to. */
  readonly maxInflatedSize?: number;
  /** Present: payloads begin with a schema id (Confluent wire format). */
  readonly schemaRegistry?: RegistrySettings;
};

/** What a format takes when the user says nothing. */
export type JsonDefaults = Pick<JsonOptions, "timestampFormat" | "decimalEncoding">;

export const DEFAULT_MAX_INFLATED_BYTES: number = 64 * 1024 * 1024;

const timestampFormats = ["rfc3339", "unix_millis"] as const;
const decimalEncodings = ["number", "string", "bytes"] as const;

/** Pulls `json.…`. `json.unstructured` belongs to the format `json` alone. */
export function jsonFromOptions(options: ConnectorOptions, defaults: JsonDefaults, unstructured: boolean): JsonOptions {
  const names = ["timestamp_format", "decimal_encoding", "compression", "max_inflated_size", "include_schema"];
  options.declare([...names, "confluent_schema_registry"].map((name) => `json.${name}`));
  options.declare(["json.unstructured"], unstructured ? undefined : "format = 'json'");
  const format = options.pullChoice("json.timestamp_format", ["RFC3339", "unix_millis", "UnixMillis"]);
  const gzip = options.pullChoice("json.compression", ["uncompressed", "gzip"]) === "gzip";
  if (!gzip) options.declare(["json.max_inflated_size"], "json.compression = 'gzip'");
  return compactFields({
    unstructured: unstructured ? (options.pullBool("json.unstructured") ?? false) : false,
    timestampFormat: format === undefined ? defaults.timestampFormat : format === "RFC3339" ? "rfc3339" : "unix_millis",
    decimalEncoding: options.pullChoice("json.decimal_encoding", decimalEncodings) ?? defaults.decimalEncoding,
    includeSchema: options.pullBool("json.include_schema") === true ? true : undefined,
    compression: gzip ? "gzip" : undefined,
    maxInflatedSize: gzip ? options.pullBytes("json.max_inflated_size") : undefined,
    schemaRegistry: registryFromOptions(options, "json.confluent_schema_registry"),
  }) as JsonOptions;
}

/** Parses the stored form, Arroyo's names as well. */
export function parseJsonOptions(value: unknown, name: string, defaults: JsonDefaults): JsonOptions {
  const stored = new StoredFormat(value, `the format "${name}"`);
  const registry = stored.field("schema_registry");
  stored.refuseRegistryWithout(registry);
  stored.field("schema_id");
  if (stored.flag("debezium") && name === "json") {
    throw new ConnectorError("OPTION_INVALID", 'format.debezium: use the format "debezium_json"');
  }
  const compression = parseChoice(stored.field("compression"), ["uncompressed", "gzip"], "format.compression");
  const maxInflatedSize = stored.field("max_inflated_size");
  if (maxInflatedSize !== undefined && !(Number.isSafeInteger(maxInflatedSize) && (maxInflatedSize as number) > 0)) {
    throw new ConnectorError("OPTION_INVALID", "format.maxInflatedSize: expected an integer above 0");
  }
  const parsed = compactFields({
    unstructured: stored.flag("unstructured"),
    timestampFormat: parseChoice(
      stored.field("timestamp_format") ?? defaults.timestampFormat,
      timestampFormats,
      "format.timestampFormat",
    ),
    decimalEncoding: parseChoice(
      stored.field("decimal_encoding") ?? defaults.decimalEncoding,
      decimalEncodings,
      "format.decimalEncoding",
    ),
    includeSchema: stored.flag("include_schema") ? true : undefined,
    compression: compression === "gzip" ? "gzip" : undefined,
    maxInflatedSize,
    schemaRegistry: registry === undefined ? undefined : parseRegistry(registry),
  }) as JsonOptions;
  stored.finish();
  return parsed;
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
