import type { AuthStrategy } from "../auth-strategy.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecret, pullSecret, type SecretSource, secretOptions, storedFields } from "../secret-source.js";
import { readUserJwt, replyWithJwt } from "../user-jwt.js";

export interface JwtConfig {
  readonly type: "jwt";
  readonly jwt: SecretSource;
  readonly nkeySeed: SecretSource;
}

/** A user JWT, and the NKey it was issued for, which signs the server's nonce (decentralised authentication). */
export const jwt: AuthStrategy<JwtConfig> = {
  type: "jwt",
  optionNames: [...secretOptions("auth.jwt"), ...secretOptions("auth.nkey_seed")],
  fromOptions: (options) => ({
    type: "jwt",
    ...pullSecret(options, "auth.jwt", "jwt"),
    ...pullSecret(options, "auth.nkey_seed", "jwt"),
  }),
  matchesUntagged: (fields) => "jwt" in fields,
  parse(stored) {
    const fields = storedFields(stored, "jwt", jwt.optionNames);
    return {
      type: "jwt",
      jwt: parseSecret(fields, "auth.jwt", "jwt"),
      nkeySeed: parseSecret(fields, "auth.nkey_seed", "jwt"),
    };
  },
  open: (config, context) =>
    openAuthenticator(context, {
      sources: { jwt: config.jwt, seed: config.nkeySeed },
      derive: (secrets) => readUserJwt(secrets.jwt, secrets.seed, { jwt: "auth.jwt", seed: "auth.nkey_seed" }),
      reply: replyWithJwt,
      lifetimeOf: ({ lifetime }) => lifetime,
    }),
};
