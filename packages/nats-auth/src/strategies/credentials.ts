import type { AuthStrategy } from "../auth-strategy.js";
import {
  createSecretReader,
  keepLastGood,
  parseSecret,
  pullSecret,
  type SecretSource,
  secretOptions,
  storedFields,
} from "../secret-source.js";

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
  async open({ username, password }, { environment, report }) {
    const user = createSecretReader(username, environment);
    const pass = createSecretReader(password, environment);
    return keepLastGood(() => ({ user: user(), pass: pass() }), report);
  },
};
