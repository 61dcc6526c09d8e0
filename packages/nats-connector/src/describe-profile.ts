import type { JsonObject, JsonValue } from "@x/connector-api";
import { connectionSchema } from "./connection-config.js";
import { describeStored } from "./parse-stored.js";

/** What this file needs to know of an auth strategy: its word and its options, `…_file` forms included. */
export interface DescribedStrategy {
  readonly type: string;
  readonly optionNames: readonly string[];
}

/**
 * The JSON Schema 2020-12 of a profile. Authentication is described per strategy, from the strategy's own list of
 * options: `auth.nkey_seed` is the secret field `nkeySeed`, or the path `nkeySeedFile`, one of the two.
 */
export function describeProfile(strategies: readonly DescribedStrategy[]): JsonObject {
  const { properties, ...schema } = describeStored(connectionSchema);
  return {
    ...schema,
    title: "NATS connection",
    description: "How to reach and enter a NATS system. Texts may hold {{ VAR }}.",
    properties: {
      ...(properties as JsonObject),
      auth: describeAuth(strategies),
      authentication: {
        title: "Authentication (Arroyo)",
        description: "Arroyo's name of auth, where type may be left out.",
        deprecated: true,
        writeOnly: true,
        type: ["object", "null"],
      },
      tls,
    },
    examples: [
      { servers: "nats-1:4222,nats-2:4222" },
      { servers: "{{ NATS_URL }}", tls: { enabled: true, caFile: "/etc/nats/ca.pem" }, connectTimeoutMs: 5000 },
      ...strategies.map((strategy) => ({ servers: "{{ NATS_URL }}", auth: exampleOf(strategy) })),
    ],
  };
}

function describeAuth(strategies: readonly DescribedStrategy[]): JsonObject {
  return {
    title: "Authentication",
    description: "How to authenticate. Absent: not at all.",
    "x-option": "auth.type",
    type: "object",
    oneOf: strategies.map(describeStrategy),
    examples: strategies.map(exampleOf),
  };
}

function describeStrategy(strategy: DescribedStrategy): JsonObject {
  const { type, optionNames } = strategy;
  const fields: [string, JsonObject][] = optionNames.map((option) => [fieldOf(option), describeField(option, type)]);
  const alternatives = secretsOf(strategy).map((option) => ({
    oneOf: [{ required: [fieldOf(option)] }, { required: [fieldOf(`${option}_file`)] }],
  }));
  return {
    title: type,
    description: optionNames.length === 0 ? "Sends no credentials." : `auth.type = '${type}'.`,
    type: "object",
    properties: {
      type: { title: "Type", description: "Names the strategy.", "x-option": "auth.type", const: type },
      ...Object.fromEntries(fields),
    },
    required: ["type"],
    additionalProperties: false,
    ...(alternatives.length === 0 ? {} : { allOf: alternatives }),
  };
}

function describeField(option: string, type: string): JsonObject {
  const secret = option.replace(/_file$/, "");
  const name = titleOf(secret);
  const common = { type: "string", minLength: 1, "x-option": option };
  return option === secret
    ? { ...common, title: name, description: `${name} of auth.type = '${type}'. May hold {{ VAR }}.`, writeOnly: true }
    : {
        ...common,
        title: `${name} file`,
        description: `Path of a file with ${secret}, read again at every reconnect.`,
      };
}

function exampleOf(strategy: DescribedStrategy): JsonObject {
  const secrets = secretsOf(strategy).map((option): [string, JsonValue] => [
    fieldOf(option),
    `{{ NATS_${option.slice("auth.".length).toUpperCase()} }}`,
  ]);
  return { type: strategy.type, ...Object.fromEntries(secrets) };
}

/** The options that hold a secret and have a `…_file` form. */
function secretsOf({ optionNames }: DescribedStrategy): readonly string[] {
  return optionNames.filter((option) => optionNames.includes(`${option}_file`));
}

/** `auth.nkey_seed` → `nkeySeed`. */
function fieldOf(option: string): string {
  return option.slice("auth.".length).replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** `auth.nkey_seed` → `Nkey seed`. */
function titleOf(option: string): string {
  const words = option.slice("auth.".length).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const file = (option: string, title: string, description: string): JsonObject => ({
  title,
  description,
  "x-option": option,
  type: "string",
  minLength: 1,
});

/** As `parseTls` of nats-auth reads it. */
const tls: JsonObject = {
  title: "TLS",
  description: "TLS to the server. Absent: only where an address says tls:// or the server demands it.",
  type: ["object", "null"],
  properties: {
    enabled: {
      title: "Enabled",
      description: "Turns TLS on; any other field does too.",
      "x-option": "tls.enabled",
      type: "boolean",
      default: true,
    },
    caFile: file("tls.ca_file", "CA file", "Path of the certificates to trust, in PEM. Absent: the system's."),
    certFile: file("tls.cert_file", "Certificate file", "Path of the client's certificate, in PEM (mTLS)."),
    keyFile: file("tls.key_file", "Key file", "Path of the client's private key, in PEM (mTLS)."),
    serverName: file("tls.server_name", "Server name", "Name the server's certificate must carry, if not the host's."),
    handshakeFirst: {
      title: "Handshake first",
      description: "TLS before the server's first word; the server must be configured for it as well.",
      "x-option": "tls.handshake_first",
      type: "boolean",
      default: false,
    },
  },
  dependentRequired: { certFile: ["keyFile"], keyFile: ["certFile"] },
  additionalProperties: false,
  examples: [{ enabled: true, caFile: "/etc/nats/ca.pem" }],
};
