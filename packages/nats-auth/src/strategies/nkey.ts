import type { AuthStrategy } from "../auth-strategy.js";
import { signNonce, userKeyOf } from "../nkey.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecrets, pullSecrets, type SecretSource, secretOptions } from "../secret-source.js";

export interface NkeyConfig {
  readonly type: "nkey";
  readonly nkeySeed: SecretSource;
}

const secrets = { nkeySeed: "auth.nkey_seed" };

/** An NKey the server knows by its public part: signs the server's nonce, the seed never leaves the process. */
export const nkey: AuthStrategy<NkeyConfig> = {
  type: "nkey",
  optionNames: Object.values(secrets).flatMap(secretOptions),
  fromOptions: (options) => ({ type: "nkey", ...pullSecrets(options, "nkey", secrets) }),
  parse: (stored) => ({ type: "nkey", ...parseSecrets(stored, "nkey", secrets) }),
  open: (config, context) =>
    openAuthenticator(context, {
      sources: { seed: config.nkeySeed },
      derive: ({ seed }) => userKeyOf(seed, "auth.nkey_seed"),
      // A server without a nonce asks for no signature.
      reply: (key, nonce) => ({ nkey: key.getPublicKey(), sig: nonce ? signNonce(key, nonce) : "" }),
    }),
};
