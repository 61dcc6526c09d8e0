import type { AuthStrategy } from "../auth-strategy.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecret, pullSecret, type SecretSource, secretOptions, storedFields } from "../secret-source.js";

export interface CredentialsConfig {
  readonly type: "credentials";
  readonly username: SecretSource;
  readonly password: SecretSource;
}

/** A user name and a password, sent as they are: use TLS. */
export const credentials: AuthStrategy<CredentialsConfig> = {
  type: "credentials",
  optionNames: [...secretOptions("auth.username"), ...secretOptions("auth.password")],
  fromOptions: (options) => ({
    type: "credentials",
    ...pullSecret(options, "auth.username", "credentials"),
    ...pullSecret(options, "auth.password", "credentials"),
  }),
  matchesUntagged: (fields) => "username" in fields,
  parse(stored) {
    const fields = storedFields(stored, "credentials", credentials.optionNames);
    return {
      type: "credentials",
      username: parseSecret(fields, "auth.username", "credentials"),
      password: parseSecret(fields, "auth.password", "credentials"),
    };
  },
  open: ({ username, password }, context) =>
    openAuthenticator(context, {
      sources: { user: username, pass: password },
      derive: (secrets) => secrets,
      reply: (secrets) => secrets,
    }),
};
