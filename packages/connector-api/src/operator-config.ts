import { type BadDataConfig, parseBadData } from "./bad-data.js";
import { nearestOf } from "./did-you-mean.js";
import { ConnectorError } from "./errors.js";
import { type FramingConfig, parseFraming } from "./framing.js";
import type { JsonObject } from "./row.js";
import { arrayAt, invalidAt, objectAt, positiveIntAt, type StoredObject, textAt } from "./stored-json.js";

/** A format and its options as plain JSON: `type` is the format's name, the rest is the format's own. */
export type FormatConfig = JsonObject & { readonly type: string };

/** A column that is filled from the message around the payload. */
export interface MetadataField {
  /** The column's name. */
  readonly fieldName: string;
  /** The metadata key, as in `METADATA FROM 'key'`. */
  readonly key: string;
}

/** At most this many messages per second, enforced by the client. */
export interface RateLimitConfig {
  readonly messagesPerSecond: number;
}

/**
 * Everything an operator is made from, as plain JSON: what a host stores. `connection` (the profile) and `table` are
 * the connector's own shapes; strings in them may hold `{{ VAR }}`, which is resolved when the operator is made.
 */
export interface OperatorConfig {
  readonly connection: JsonObject;
  readonly table: JsonObject;
  readonly format?: FormatConfig;
  readonly badData?: BadDataConfig;
  readonly framing?: FramingConfig;
  readonly rateLimit?: RateLimitConfig;
  readonly metadataFields: readonly MetadataField[];
}

const members = ["connection", "table", "format", "badData", "framing", "rateLimit", "metadataFields"];

/**
 * Parses a stored configuration, as an object or as JSON text: our camelCase form, or Arroyo's with snake_case names.
 * `null` is as if absent; Arroyo's `data_type` of a metadata field is dropped, because the schema has it. The names in
 * `format` come out in camelCase, so that a format reads one spelling; `{ type: "json", debezium: true }` is the format
 * `debezium_json`. Throws OPTION_INVALID naming the path, what was expected and the kind of what came.
 */
export function parseOperatorConfig(value: unknown): OperatorConfig {
  const stored = camelCased(objectAt(typeof value === "string" ? parseText(value) : value, "config"), "");
  for (const key of Object.keys(stored)) {
    if (members.includes(key)) continue;
    const nearest = nearestOf(key, members);
    const expected = nearest === undefined ? `one of ${members.join(", ")}` : `"${nearest}"`;
    throw new ConnectorError("OPTION_INVALID", `config: unknown member "${key}"; expected ${expected}`);
  }
  const { format, badData, framing, rateLimit, metadataFields } = stored;
  return {
    connection: objectAt(stored.connection, "connection") as JsonObject,
    table: objectAt(stored.table, "table") as JsonObject,
    ...(format === undefined ? {} : { format: parseFormat(format) }),
    ...(badData === undefined ? {} : { badData: parseBadData(badData) }),
    ...(framing === undefined ? {} : { framing: parseFraming(framing) }),
    ...(rateLimit === undefined ? {} : { rateLimit: parseRateLimit(rateLimit) }),
    metadataFields: metadataFields === undefined ? [] : arrayAt(metadataFields, "metadataFields").map(parseField),
  };
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message would quote the text, which may hold secrets.
    throw new ConnectorError("OPTION_INVALID", "config: expected JSON, got a text that is not");
  }
}

function parseFormat(value: unknown): FormatConfig {
  const { debezium, ...stored } = camelCased(objectAt(value, "format"), "format.");
  const type = textAt(stored.type, "format.type");
  if (debezium !== undefined && typeof debezium !== "boolean") {
    throw invalidAt("format.debezium", "true or false", debezium);
  }
  return { ...(stored as JsonObject), type: type === "json" && debezium === true ? "debezium_json" : type };
}

function parseRateLimit(value: unknown): RateLimitConfig {
  const { messagesPerSecond } = camelCased(objectAt(value, "rateLimit"), "rateLimit.");
  return { messagesPerSecond: positiveIntAt(messagesPerSecond, "rateLimit.messagesPerSecond") };
}

function parseField(value: unknown, index: number): MetadataField {
  const path = `metadataFields[${index}]`;
  const { fieldName, key } = camelCased(objectAt(value, path), `${path}.`);
  return { fieldName: textAt(fieldName, `${path}.fieldName`), key: textAt(key, `${path}.key`) };
}

/** The members under their camelCase names, without those that are null or undefined. */
function camelCased(stored: StoredObject, path: string): Record<string, unknown> {
  // Without a prototype, "__proto__" is a member like any other, and refused as one that is not known.
  const members: Record<string, unknown> = Object.create(null);
  for (const [key, value] of Object.entries(stored)) {
    if (value === null || value === undefined) continue;
    const name = key.replaceAll(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (Object.hasOwn(members, name)) {
      throw new ConnectorError("OPTION_INVALID", `${path}${name}: given twice, also as "${key}"; give one of them`);
    }
    members[name] = value;
  }
  return members;
}
