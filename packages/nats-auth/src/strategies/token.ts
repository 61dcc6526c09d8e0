import type { AuthStrategy } from "../auth-strategy.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecret, pullSecret, type SecretSource, secretOptions, storedFields } from "../secret-source.js";

export interface TokenConfig {
  readonly type: "token";
  readonly token: SecretSource;
}

/** One shared text, sent as it is: use TLS. */
export const token: AuthStrategy<TokenConfig> = {
  type: "token",
  optionNames: secretOptions("auth.token"),
  fromOptions: (options) => ({ type: "token", ...pullSecret(options, "auth.token", "token") }),
  parse(stored) {
    const fields = storedFields(stored, "token", token.optionNames);
    return { type: "token", token: parseSecret(fields, "auth.token", "token") };
  },
  open: (config, context) =>
    openAuthenticator(context, {
      sources: { token: config.token },
      derive: (secrets) => secrets.token,
      reply: (text) => ({ auth_token: text }),
    }),
};
