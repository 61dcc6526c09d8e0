import { ConnectorError, type ConnectorOptions, type FormatContext, resolveVars, Secret } from "@x/connector-api";
import { compactFields, StoredFormat } from "../format-options.js";
import { createRegistryClient, type RegisteredSchema, type RegistryClient } from "./registry-client.js";
import { openSchemaText } from "./schema-source.js";

/** `schema_registry.…` as it is stored: templates, never resolved secrets. */
export type RegistrySettings = {
  readonly endpoint: string;
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
  /** PEM of the authorities to trust instead of the system's. */
  readonly caFile?: string;
  readonly subject?: string;
  readonly autoRegister?: boolean;
};

const names = ["endpoint", "username", "password", "bearer_token", "ca_file", "subject", "auto_register"] as const;

/** Pulls `schema_registry.…` when `flag` (`avro.confluent_schema_registry`) is true; undefined when it is not. */
export function registryFromOptions(options: ConnectorOptions, flag: string): RegistrySettings | undefined {
  if (options.pullBool(flag) !== true) {
    options.declare(
      names.map((name) => `schema_registry.${name}`),
      `${flag} = true`,
    );
    return undefined;
  }
  options.declare(names.map((name) => `schema_registry.${name}`));
  options.exclusive(["schema_registry.username", "schema_registry.bearer_token"]);
  options.exclusive(["schema_registry.password", "schema_registry.bearer_token"]);
  options.pullString("schema_registry.endpoint");
  const text = (name: string): string | undefined => options.pullTemplate(`schema_registry.${name}`);
  return parseRegistry({
    endpoint: text("endpoint"),
    username: text("username"),
    password: text("password"),
    bearerToken: text("bearer_token"),
    caFile: text("ca_file"),
    subject: options.pullOptionalString("schema_registry.subject"),
    autoRegister: options.pullBool("schema_registry.auto_register"),
  });
}

/** Parses the stored form, its names in camelCase or snake_case. OPTION_INVALID naming the path. */
export function parseRegistry(value: unknown): RegistrySettings {
  const stored = new StoredFormat(value, "a schema registry", "format.schemaRegistry");
  const settings = compactFields({
    endpoint: stored.text("endpoint"),
    username: stored.text("username"),
    password: stored.text("password"),
    bearerToken: stored.text("bearer_token"),
    caFile: stored.text("ca_file"),
    subject: stored.text("subject"),
    autoRegister: stored.flag("auto_register") ? true : undefined,
  }) as RegistrySettings;
  stored.finish();
  if (settings.endpoint === undefined)
    throw new ConnectorError("OPTION_INVALID", "format.schemaRegistry.endpoint: expected an address, got nothing");
  if (settings.password !== undefined && settings.username === undefined) {
    throw new ConnectorError("OPTION_MISSING", 'option "schema_registry.password" needs "schema_registry.username"', {
      context: { option: "schema_registry.username" },
    });
  }
  if (settings.bearerToken !== undefined && settings.username !== undefined) {
    const text = "format.schemaRegistry: username and bearerToken exclude each other; give one of them";
    throw new ConnectorError("OPTION_CONFLICT", text);
  }
  return settings;
}

/** The client behind stored settings, `{{ VAR }}` resolved. OPTION_INVALID for a file that cannot be read. */
export async function openRegistry(settings: RegistrySettings, context: FormatContext): Promise<RegistryClient> {
  const resolve = (name: string, text: string | undefined): string | undefined =>
    text === undefined
      ? undefined
      : resolveVars(text, context.environment ?? process.env, { name: `schema_registry.${name}` });
  const password = resolve("password", settings.password);
  const token = resolve("bearer_token", settings.bearerToken);
  const caFile = resolve("ca_file", settings.caFile);
  return createRegistryClient({
    endpoint: resolve("endpoint", settings.endpoint) ?? "",
    username: resolve("username", settings.username),
    password: password === undefined ? undefined : new Secret(password),
    bearerToken: token === undefined ? undefined : new Secret(token),
    ca: caFile === undefined ? undefined : await openSchemaText(undefined, caFile, "schema_registry.ca_file"),
    signal: context.signal,
  });
}

/** The texts a schema refers to, each before those that build on it. SCHEMA_INVALID when they never end. */
export async function referencesOf(
  client: RegistryClient,
  schema: RegisteredSchema,
): Promise<{ readonly name: string; readonly schema: string }[]> {
  const found = new Map<string, { readonly name: string; readonly schema: string }>();
  const visit = async (one: RegisteredSchema, depth: number): Promise<void> => {
    for (const { name, subject, version } of one.references) {
      if (found.has(name)) continue;
      if (depth > 16 || found.size > 200)
        throw new ConnectorError("SCHEMA_INVALID", "the schema's references are nested too deep, or too many");
      const referred = await client.bySubject(subject, version);
      await visit(referred, depth + 1);
      found.set(name, { name, schema: referred.schema });
    }
  };
  await visit(schema, 1);
  return [...found.values()];
}

/**
 * The id and text a sink writes with. With a schema of its own: registered when `auto_register` allows, else it must be
 * the subject's latest. Without: the subject's latest. OPTION_MISSING without `schema_registry.subject`.
 */
export async function resolveSinkSchema(
  client: RegistryClient,
  settings: RegistrySettings,
  type: "AVRO" | "JSON" | "PROTOBUF",
  own: string | undefined,
  equal: (a: string, b: string) => boolean,
): Promise<RegisteredSchema> {
  const { subject } = settings;
  if (subject === undefined)
    throw new ConnectorError("OPTION_MISSING", 'option "schema_registry.subject" is required for a sink');
  if (own !== undefined && settings.autoRegister === true) {
    return { id: await client.register(subject, type, own), type, schema: own, references: [] };
  }
  const latest = await client.bySubject(subject);
  if (latest.type !== type)
    throw new ConnectorError("SCHEMA_INVALID", `subject "${subject}" holds ${latest.type}, expected ${type}`);
  if (own === undefined || equal(own, latest.schema)) return latest;
  throw new ConnectorError(
    "SCHEMA_INVALID",
    `the schema given is not the latest of subject "${subject}"; leave it out to write with the latest, or set schema_registry.auto_register = true`,
  );
}
