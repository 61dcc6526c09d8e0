import { ConnectorError } from "@x/connector-api";
import { fromSeed, type KeyPair } from "nkeys.js";
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
  async open(config, { environment, report }) {
    const readToken = createSecretReader(config.jwt, environment);
    const readSeed = createSecretReader(config.nkeySeed, environment);
    // Token and key are taken together: half a rotation would sign with a key that the token does not name.
    const current = keepLastGood(() => {
      const key = keyOf(readSeed().trim());
      const token = readToken().trim();
      const nkey = key.getPublicKey();
      checkToken(token, nkey);
      return { key, nkey, token };
    }, report);
    return (nonce) => {
      const { key, nkey, token } = current();
      return nonce ? { jwt: token, nkey, sig: sign(key, nonce) } : { jwt: token };
    };
  },
};

/** The server takes raw base64url, as its own clients send it (nats-server `server/auth.go`). */
function sign(key: KeyPair, nonce: string): string {
  return Buffer.from(key.sign(Buffer.from(nonce))).toString("base64url");
}

function keyOf(seed: string): KeyPair {
  let key: KeyPair | undefined;
  try {
    key = fromSeed(Buffer.from(seed));
  } catch {
    // nkeys.js says what it could not read; none of that may hold a part of the seed here.
  }
  if (key?.getPublicKey().startsWith("U")) return key;
  const got = key === undefined ? "other text" : "the seed of another kind of key";
  throw new ConnectorError("OPTION_INVALID", `"auth.nkey_seed": expected the seed of a user NKey ("SU…"), got ${got}`);
}

/** Finds the usual mix-ups before the server can only say "authorization violation". */
function checkToken(token: string, nkey: string): void {
  const subject = subjectOf(token);
  if (subject === undefined) {
    throw new ConnectorError("OPTION_INVALID", `"auth.jwt": expected a NATS user JWT ("eyJ…"), got other text`);
  }
  if (subject !== nkey) {
    throw new ConnectorError(
      "OPTION_INVALID",
      `"auth.jwt" was issued for the NKey ${subject}, but "auth.nkey_seed" is of ${nkey}`,
    );
  }
}

function subjectOf(token: string): string | undefined {
  const [, claims = "", signature, ...rest] = token.split(".");
  if (signature === undefined || rest.length > 0) return undefined;
  try {
    const { sub } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { sub?: unknown };
    return typeof sub === "string" && /^[A-Z0-9]{56}$/.test(sub) ? sub : undefined;
  } catch {
    return undefined;
  }
}
