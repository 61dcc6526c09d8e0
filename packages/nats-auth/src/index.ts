// For users: authentication and TLS of a connection, from options or stored JSON to what a NATS client takes.

export type { AuthConfig } from "./builtin-strategies.js";
export { builtinStrategies } from "./builtin-strategies.js";
export { authFromOptions, openAuth, parseAuth } from "./resolve-auth.js";
export type { TlsConfig, TlsOptions } from "./tls.js";
export { parseTls, resolveTls, tlsFromOptions } from "./tls.js";

// For implementors: write a strategy.

export type {
  AuthContext,
  Authenticator,
  AuthReply,
  AuthStrategy,
  Lifetime,
  SecretFunction,
  StoredAuth,
} from "./auth-strategy.js";
export type { Answering } from "./open-authenticator.js";
export { openAuthenticator } from "./open-authenticator.js";
export type { SecretNames, SecretSource } from "./secret-source.js";
export { parseSecrets, pullSecrets, secretOptions, storedFields } from "./secret-source.js";
