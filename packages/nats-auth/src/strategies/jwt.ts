import type { AuthStrategy } from "../auth-strategy.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecrets, pullSecrets, type SecretSource, secretOptions } from "../secret-source.js";
import { readUserJwt, replyWithJwt } from "../user-jwt.js";

export interface JwtConfig {
  readonly type: "jwt";
  readonly jwt: SecretSource;
  readonly nkeySeed: SecretSource;
}

const secrets = { jwt: "auth.jwt", nkeySeed: "auth.nkey_seed" };

/** A user JWT, and the NKey it was issued for, which signs the server's nonce (decentralised authentication). */
export const jwt: AuthStrategy<JwtConfig> = {
  type: "jwt",
  optionNames: Object.values(secrets).flatMap(secretOptions),
  fromOptions: (options) => ({ type: "jwt", ...pullSecrets(options, "jwt", secrets) }),
  matchesUntagged: (fields) => "jwt" in fields,
  parse: (stored) => ({ type: "jwt", ...parseSecrets(stored, "jwt", secrets) }),
  open: (config, context) =>
    openAuthenticator(context, {
      sources: { jwt: config.jwt, seed: config.nkeySeed },
      derive: (given) => readUserJwt(given.jwt, given.seed, { jwt: "auth.jwt", seed: "auth.nkey_seed" }),
      reply: replyWithJwt,
      lifetimeOf: ({ lifetime }) => lifetime,
    }),
};
