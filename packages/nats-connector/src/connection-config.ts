import {
  ConnectorError,
  type ConnectorOptions,
  type Environment,
  type JsonObject,
  resolveVars,
  Secret,
} from "@x/connector-api";
import { z } from "zod";
import { compact, documented, parseStored } from "./parse-stored.js";

/**
 * A profile: how to reach and enter a NATS system. Texts may hold `{{ VAR }}`, which is resolved when an operator is
 * made. What may be secret is wrapped, so that a profile can be printed.
 */
export interface ConnectionConfig {
  /** Comma-separated. */
  readonly servers: string;
  /** Stored authentication; from TypeScript it may hold functions, which then cannot be stored. */
  readonly auth: Secret<object>;
  readonly tls?: JsonObject;
  readonly connectTimeoutMs: number;
  readonly reconnectTimeoutMs?: number;
  readonly authRetryWindowMs: number;
  readonly inboxPrefix: string;
  readonly jetstreamDomain?: string;
  readonly connectionName?: string;
}

/** What this file needs of an implementation of authentication and TLS; `nats-connector.ts` hands it in. */
export interface ConnectionSecurity {
  authFromOptions(options: ConnectorOptions): object;
  tlsFromOptions(options: ConnectorOptions): object | undefined;
  /** Throws OPTION_INVALID for stored authentication that cannot be opened. */
  checkAuth(stored: unknown): void;
  checkTls(stored: unknown): object | undefined;
}

const durationMs = z.int().min(1);
const object = z.record(z.string(), z.unknown());
const token = z
  .string()
  .regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, "expected tokens joined by dots, without wildcards or spaces");

export const connectionSchema = z.strictObject({
  servers: documented(
    z.union([
      z.string().min(1),
      z
        .array(z.string().min(1))
        .min(1)
        .transform((list) => list.join(",")),
    ]),
    "servers",
    "Servers",
    "Addresses, separated by commas: host, host:port, nats:// or tls://. May hold {{ VAR }}.",
    ["nats-1:4222,nats-2:4222", "{{ NATS_URL }}"],
  ),
  /** `describe-profile.ts` says per strategy what is in it. */
  auth: object.optional(),
  /** Arroyo's name of the same. */
  authentication: object.nullable().optional(),
  tls: object.nullable().optional(),
  connectTimeoutMs: documented(
    durationMs.default(10_000),
    "connect_timeout",
    "Connect timeout (ms)",
    "The whole budget of a start; then it fails, naming the servers.",
  ),
  reconnectTimeoutMs: documented(
    durationMs.optional(),
    "reconnect_timeout",
    "Reconnect timeout (ms)",
    "How long a lost connection is retried. Unset: for ever.",
    [600_000],
  ),
  authRetryWindowMs: documented(
    durationMs.default(5 * 60 * 1000),
    "auth.retry_window",
    "Auth retry window (ms)",
    "How long refused credentials are retried after a good start; at start a refusal fails at once.",
  ),
  inboxPrefix: documented(
    token.default("_INBOX"),
    "inbox_prefix",
    "Inbox prefix",
    "First tokens of the subjects that answers come to. The user must be allowed to subscribe to them.",
    ["_INBOX.billing"],
  ),
  jetstreamDomain: documented(
    z
      .string()
      .regex(/^[^\s.*>]+$/, "expected one token")
      .optional(),
    "jetstream.domain",
    "JetStream domain",
    "Domain of the JetStream to use, where it is not the server's own.",
    ["hub"],
  ),
  connectionName: documented(
    z.string().optional(),
    "connection_name",
    "Connection name",
    "Shown by the server's monitoring. Unset: the pipeline's name.",
    ["billing"],
  ),
});

/** Options of the connection itself; `auth.…` and `tls.…` are declared by their owners. */
export const connectionOptions = [
  "connection_profile",
  "servers",
  "auth.retry_window",
  "connect_timeout",
  "reconnect_timeout",
  "inbox_prefix",
  "jetstream.domain",
  "connection_name",
] as const;

/** Parses a stored profile, ours or Arroyo's `{ servers, authentication }`. Throws OPTION_INVALID naming the path. */
export function parseConnection(value: unknown, security: ConnectionSecurity): ConnectionConfig {
  const { auth, authentication, tls, ...rest } = parseStored(connectionSchema, value, "connection");
  if (auth !== undefined && authentication !== undefined) {
    throw new ConnectorError("OPTION_CONFLICT", "connection: auth and authentication are the same; give one of them");
  }
  const stored = auth ?? authentication ?? { type: "none" };
  security.checkAuth(stored);
  const checked = security.checkTls(tls);
  return compact({
    ...rest,
    auth: new Secret<object>(stored),
    tls: checked as JsonObject | undefined,
  }) as ConnectionConfig;
}

/** The stored form, secrets included: what `parseConnection` reads. */
export function storeConnection({ auth, ...rest }: ConnectionConfig): JsonObject {
  return { ...rest, auth: auth.reveal() as JsonObject };
}

/** Pulls the options of a connection. With a profile given, options beside it that say how to connect are an error. */
export function connectionFromOptions(
  options: ConnectorOptions,
  security: ConnectionSecurity,
  profile: ConnectionConfig | undefined,
): ConnectionConfig {
  if (profile !== undefined) {
    options.exclusive(["connection_profile", "servers"]);
    return profile;
  }
  const auth = security.authFromOptions(options);
  const tls = security.tlsFromOptions(options);
  const timing = {
    authRetryWindowMs: options.pullDuration("auth.retry_window"),
    connectTimeoutMs: options.pullDuration("connect_timeout"),
    reconnectTimeoutMs: options.pullDuration("reconnect_timeout"),
  };
  const names = {
    inboxPrefix: options.pullOptionalString("inbox_prefix"),
    jetstreamDomain: options.pullOptionalString("jetstream.domain"),
    connectionName: options.pullOptionalString("connection_name"),
  };
  const servers = options.pullTemplate("servers");
  // Says that it is missing, in the words of all missing options.
  if (servers === undefined) options.pullString("servers");
  return parseConnection(compact({ servers, auth, tls, ...timing, ...names }), security);
}

/** Addresses with variables resolved. Throws OPTION_INVALID for one that is none, never showing it whole. */
export function resolveServers(servers: string, environment: Environment): { servers: string[]; wantsTls: boolean } {
  const given = resolveVars(servers, environment, { name: "servers" })
    .split(",")
    .map((server) => server.trim());
  const wantsTls = given.some((server) => server.startsWith("tls://"));
  return { servers: given.map(checkServer), wantsTls };
}

function checkServer(server: string): string {
  const text = server.includes("://") ? server : `nats://${server}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const invalid = (reason: string): never => {
    throw new ConnectorError("OPTION_INVALID", `option "servers": ${reason}`, { context: { option: "servers" } });
  };
  if (url === undefined || url.hostname === "") {
    return invalid("expected host, host:port, nats://host:port or tls://host:port, separated by commas");
  }
  if (url.username !== "" || url.password !== "") {
    return invalid('an address holds a user; give it as "auth.username" and "auth.password"');
  }
  if (url.protocol === "ws:" || url.protocol === "wss:") {
    return invalid(
      `"${url.protocol}//" cannot be dialled by the NATS client for Node; use the server's nats:// or tls:// port, or open the connection with wsconnect of @nats-io/nats-core and hand it in as client`,
    );
  }
  if (url.protocol !== "nats:" && url.protocol !== "tls:") {
    return invalid(`"${url.protocol}//" is not supported; use nats:// or tls://`);
  }
  return url.host;
}

/** One line for people: never a secret, never a failure. */
export function describeConnection({ servers }: ConnectionConfig): string {
  return `NATS at ${servers.replaceAll(/[^,/\s]*@/g, "")}`;
}
