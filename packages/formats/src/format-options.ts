import { type ConnectionSchema, ConnectorError, type JsonObject, kindOf } from "@x/connector-api";

/** The fields of a stored format, `type` aside. OPTION_INVALID when it is no object. */
export function storedFields(value: unknown, path = "format"): { readonly [key: string]: unknown } {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value, type: undefined };
  throw new ConnectorError("OPTION_INVALID", `${path}: expected an object, got ${kindOf(value)}`);
}

/** Parses the stored form of a format without options. OPTION_INVALID names what is too much. */
export function parseNoOptions(value: unknown, format: string): JsonObject {
  refuseOthers(storedFields(value), "format", `the format "${format}"`, []);
  return {};
}

/** OPTION_INVALID for a stored field that its owner does not know. Fields stored as null count as absent. */
function refuseOthers(
  fields: { readonly [key: string]: unknown },
  path: string,
  owner: string,
  known: readonly string[],
): void {
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined || value === null || known.includes(key)) continue;
    const valid = known.length === 0 ? "it has no options" : `valid are ${known.join(", ")}`;
    throw new ConnectorError("OPTION_INVALID", `${path}.${key}: ${owner} has no such option; ${valid}`);
  }
}

/** SCHEMA_INVALID for a schema without columns, naming the option that takes any payload. */
export function requireColumns(schema: ConnectionSchema, format: string, other: string): void {
  if (schema.columns.length > 0) return;
  throw new ConnectorError(
    "SCHEMA_INVALID",
    `format "${format}" needs at least one column that is not metadata; ${other} takes any payload as one column "value"`,
  );
}

/** An object without the keys that are undefined. */
export function compactFields(fields: { readonly [key: string]: unknown }): { readonly [key: string]: unknown } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/**
 * The stored form of a format, or of a part of one, read by option name in camelCase or Arroyo's snake_case.
 * OPTION_INVALID names the path.
 */
export class StoredFormat {
  readonly #fields: { readonly [key: string]: unknown };
  readonly #owner: string;
  readonly #path: string;
  readonly #known: string[] = [];

  /** `owner` is who has the options, for messages: `the format "json"`. */
  constructor(value: unknown, owner: string, path = "format") {
    this.#fields = storedFields(value, path);
    this.#owner = owner;
    this.#path = path;
  }

  /** A field that may have any shape; null counts as absent. */
  field(name: string): unknown {
    const camel = camelOf(name);
    this.#known.push(camel, ...(camel === name ? [] : [name]));
    return this.#fields[camel] ?? this.#fields[name] ?? undefined;
  }

  text(name: string): string | undefined {
    const value = this.field(name);
    if (value === undefined || typeof value === "string") return value;
    throw new ConnectorError("OPTION_INVALID", `${this.#path}.${camelOf(name)}: expected a text, got ${kindOf(value)}`);
  }

  flag(name: string): boolean {
    const value = this.field(name) ?? false;
    if (typeof value === "boolean") return value;
    throw new ConnectorError(
      "OPTION_INVALID",
      `${this.#path}.${camelOf(name)}: expected true or false, got ${kindOf(value)}`,
    );
  }

  /** Arroyo stores the flag alone, and the registry elsewhere. */
  refuseRegistryWithout(registry: unknown): void {
    if (!this.flag("confluent_schema_registry") || registry !== undefined) return;
    throw new ConnectorError("OPTION_INVALID", "format.schemaRegistry: expected the registry's endpoint, got nothing");
  }

  /** Refuses fields that nobody asked for. Call last. */
  finish(): void {
    refuseOthers(this.#fields, this.#path, this.#owner, this.#known);
  }
}

function camelOf(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
