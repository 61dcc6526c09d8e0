import { ConnectorError, type ConnectorOptions, type Environment, kindOf, resolveVars } from "@x/connector-api";

/** TLS as it is stored. Paths may hold `{{ VAR }}`. */
export type TlsConfig = {
  readonly enabled: true;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** TLS before the server's INFO; the server must be configured for it as well. */
  readonly handshakeFirst?: boolean;
  /** The name the server's certificate must carry, where it is not the host that is dialled. */
  readonly serverName?: string;
};

/** What NATS clients take as `tls`. They read the files anew with every dial, so a rotated certificate is picked up. */
export interface TlsOptions {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly handshakeFirst?: boolean;
  /** Goes through to `tls.connect`. */
  readonly servername?: string;
}

const texts = {
  caFile: "tls.ca_file",
  certFile: "tls.cert_file",
  keyFile: "tls.key_file",
  serverName: "tls.server_name",
} as const;

/** Pulls the `tls.…` options; undefined when TLS is not asked for. Any of them turns TLS on, `tls.enabled = false` none. */
export function tlsFromOptions(options: ConnectorOptions): TlsConfig | undefined {
  options.declare(["tls.enabled", "tls.handshake_first", ...Object.values(texts)]);
  const stored: { [field: string]: unknown } = {};
  const enabled = options.pullBool("tls.enabled");
  for (const [field, option] of Object.entries(texts)) stored[field] = options.pullTemplate(option);
  stored.handshakeFirst = options.pullBool("tls.handshake_first");
  if (enabled === undefined && Object.values(stored).every((value) => value === undefined)) return undefined;
  return parseTls({ ...stored, enabled: enabled ?? true });
}

/** Parses the stored form, its names in camelCase or snake_case; undefined for nothing, and for `enabled: false` alone. */
export function parseTls(stored: unknown): TlsConfig | undefined {
  if (stored === undefined || stored === null) return undefined;
  if (typeof stored !== "object" || Array.isArray(stored)) {
    throw new ConnectorError("OPTION_INVALID", `tls: expected an object, got ${kindOf(stored)}`);
  }
  const fields: { [field: string]: unknown } = {};
  for (const [key, value] of Object.entries(stored)) {
    const field = key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    if (value !== undefined && value !== null) fields[field] = parseField(field, key, value);
  }
  if (fields.enabled === false) {
    const [given] = Object.keys(fields).filter((field) => field !== "enabled" && fields[field] !== false);
    if (given === undefined) return undefined;
    throw new ConnectorError("OPTION_CONFLICT", `"${optionOf(given)}" is given, but tls.enabled is false`);
  }
  for (const [one, other] of [
    ["certFile", "keyFile"],
    ["keyFile", "certFile"],
  ] as const) {
    if (fields[one] === undefined || fields[other] !== undefined) continue;
    throw new ConnectorError("OPTION_MISSING", `"${texts[one]}" needs "${texts[other]}"`, {
      context: { option: texts[other] },
    });
  }
  return { ...fields, enabled: true };
}

/** The client's options, with variables resolved. Reads no file. ENV_MISSING names the variable. */
export function resolveTls(config: TlsConfig, environment: Environment): TlsOptions {
  const resolved: { [field: string]: string | boolean } = {};
  for (const [field, option] of Object.entries(texts)) {
    const text = config[field as keyof typeof texts];
    if (text === undefined) continue;
    resolved[field === "serverName" ? "servername" : field] = resolveVars(text, environment, { name: option });
  }
  if (config.handshakeFirst !== undefined) resolved.handshakeFirst = config.handshakeFirst;
  return resolved;
}

function parseField(field: string, key: string, value: unknown): string | boolean {
  if (field === "enabled" || field === "handshakeFirst") {
    if (typeof value === "boolean") return value;
    throw new ConnectorError("OPTION_INVALID", `tls.${key}: expected true or false, got ${kindOf(value)}`);
  }
  if (!Object.hasOwn(texts, field)) {
    const valid = ["enabled", "handshakeFirst", ...Object.keys(texts)].join(", ");
    throw new ConnectorError("OPTION_INVALID", `tls.${key}: no such field; valid are ${valid}`);
  }
  if (typeof value === "string" && value !== "") return value;
  const got = value === "" ? "an empty text" : kindOf(value);
  throw new ConnectorError("OPTION_INVALID", `tls.${key}: expected text, got ${got}`);
}

function optionOf(field: string): string {
  return field === "handshakeFirst" ? "tls.handshake_first" : texts[field as keyof typeof texts];
}
