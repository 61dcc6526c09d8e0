import type { AuthStrategy } from "../auth-strategy.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecrets, pullSecrets, type SecretSource, secretOptions } from "../secret-source.js";

export interface CredentialsConfig {
  readonly type: "credentials";
  readonly username: SecretSource;
  readonly password: SecretSource;
}

const secrets = { username: "auth.username", password: "auth.password" };

/** A user name and a password, sent as they are: use TLS. */
export const credentials: AuthStrategy<CredentialsConfig> = {
  type: "credentials",
  optionNames: Object.values(secrets).flatMap(secretOptions),
  fromOptions: (options) => ({ type: "credentials", ...pullSecrets(options, "credentials", secrets) }),
  matchesUntagged: (fields) => "username" in fields,
  parse: (stored) => ({ type: "credentials", ...parseSecrets(stored, "credentials", secrets) }),
  open: ({ username, password }, context) =>
    openAuthenticator(context, {
      sources: { user: username, pass: password },
      derive: (given) => given,
      reply: (given) => given,
    }),
};
