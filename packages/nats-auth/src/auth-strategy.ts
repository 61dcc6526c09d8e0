import type { ConnectorError, ConnectorOptions, Environment } from "@x/connector-api";

/** What is sent to the server in CONNECT. The field names are the protocol's, as NATS clients take them. */
export type AuthReply =
  | undefined
  | { readonly user: string; readonly pass?: string }
  | { readonly auth_token: string }
  | { readonly nkey: string; readonly sig: string }
  | { readonly jwt: string; readonly nkey?: string; readonly sig?: string };

/** When credentials were issued and when they end, in epoch milliseconds. */
export interface Lifetime {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * Answers the server's challenge. The client calls it synchronously on every connect and reconnect. It never throws: an
 * authenticator that throws during a reconnect closes the connection for good. `nats` 2 and `@nats-io/*` 3 take it as
 * it is.
 */
export interface Authenticator {
  (nonce?: string): AuthReply;
  /** The life of what the last reply has sent, where that has an end. */
  lifetime?(): Lifetime | undefined;
  /**
   * Reads every secret anew, waiting for async functions, so that the next reply has them; resolves with the life of
   * what it will send, where that has an end. Called ahead of a reconnect and when the credentials near their end.
   * Concurrent calls share the work. Never rejects: failures are reported and the last good credentials stay.
   */
  refresh?(): Promise<Lifetime | undefined>;
}

/**
 * Supplies a secret, at once or as a promise. May be called at any time; not again while its promise is open, unless that
 * has not been kept for 10 seconds.
 */
export type SecretFunction = () => string | Promise<string>;

/**
 * Authentication as it is stored: plain JSON, secrets as texts that may hold `{{ VAR }}`, `passwordFile` for a file.
 * A secret that TypeScript gave as a function stays one in memory; `JSON.stringify` then throws UNSUPPORTED.
 */
export type StoredAuth = { readonly type: string; readonly [field: string]: string | SecretFunction };

/** What a strategy is given when it is opened, once per connection. */
export interface AuthContext {
  /** Variables for `{{ NAME }}`. */
  readonly environment: Environment;
  /**
   * Told each time a secret could not be read again and the last good one is used instead. Called while the client
   * connects; must not throw (what it throws is dropped).
   */
  readonly report: (error: ConnectorError) => void;
}

/** One way to authenticate: the word in `auth.type`, its options, and what it answers. */
export interface AuthStrategy<Config extends { readonly type: string } = { readonly type: string }> {
  /** The word in `auth.type = '…'`. */
  readonly type: Config["type"];
  /** Every option it takes besides `auth.type`: canonical names, `…_file` forms included. */
  readonly optionNames: readonly string[];
  /** Pulls its options. Throws OPTION_MISSING or OPTION_CONFLICT naming them; reads no file and calls no function. */
  fromOptions(options: ConnectorOptions): StoredAuth;
  /** True for stored JSON without `type` that means this strategy (Arroyo stores authentication untagged). */
  matchesUntagged?(fields: { readonly [field: string]: unknown }): boolean;
  /** Parses the stored form, its names in camelCase or snake_case. Secrets come out wrapped. Throws OPTION_INVALID. */
  parse(stored: unknown): Config;
  /**
   * Resolves variables and reads every secret once. Throws ENV_MISSING or OPTION_INVALID when that fails, never with the
   * secret. The authenticator reads files and calls functions again each time it is called, and keeps the last good
   * answer when that fails; an async function's latest answer is used, and the next one fetched meanwhile.
   */
  open(config: Config, context: AuthContext): Promise<Authenticator>;
}
