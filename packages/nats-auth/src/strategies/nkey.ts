import type { AuthStrategy } from "../auth-strategy.js";
import { signNonce, userKeyOf } from "../nkey.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecret, pullSecret, type SecretSource, secretOptions, storedFields } from "../secret-source.js";

export interface NkeyConfig {
  readonly type: "nkey";
  readonly nkeySeed: SecretSource;
}

/** An NKey the server knows by its public part: signs the server's nonce, the seed never leaves the process. */
export const nkey: AuthStrategy<NkeyConfig> = {
  type: "nkey",
  optionNames: secretOptions("auth.nkey_seed"),
  fromOptions: (options) => ({ type: "nkey", ...pullSecret(options, "auth.nkey_seed", "nkey") }),
  parse(stored) {
    const fields = storedFields(stored, "nkey", nkey.optionNames);
    return { type: "nkey", nkeySeed: parseSecret(fields, "auth.nkey_seed", "nkey") };
  },
  open: (config, context) =>
    openAuthenticator(context, {
      sources: { seed: config.nkeySeed },
      derive: ({ seed }) => userKeyOf(seed, "auth.nkey_seed"),
      // A server without a nonce asks for no signature.
      reply: (key, nonce) => ({ nkey: key.getPublicKey(), sig: nonce ? signNonce(key, nonce) : "" }),
    }),
};
