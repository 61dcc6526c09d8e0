import type { AuthStrategy } from "../auth-strategy.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecrets, pullSecrets, type SecretSource, secretOptions } from "../secret-source.js";

export interface TokenConfig {
  readonly type: "token";
  readonly token: SecretSource;
}

const secrets = { token: "auth.token" };

/** One shared text, sent as it is: use TLS. */
export const token: AuthStrategy<TokenConfig> = {
  type: "token",
  optionNames: Object.values(secrets).flatMap(secretOptions),
  fromOptions: (options) => ({ type: "token", ...pullSecrets(options, "token", secrets) }),
  parse: (stored) => ({ type: "token", ...parseSecrets(stored, "token", secrets) }),
  open: (config, context) =>
    openAuthenticator(context, {
      sources: { token: config.token },
      derive: (given) => given.token,
      reply: (text) => ({ auth_token: text }),
    }),
};
