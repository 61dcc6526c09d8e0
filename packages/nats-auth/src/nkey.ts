import { ConnectorError } from "@x/connector-api";
import { fromSeed, type KeyPair } from "nkeys.js";

/** The key pair of a user's seed. Throws OPTION_INVALID naming `option`, never with a part of the seed. */
export function userKeyOf(seed: string, option: string): KeyPair {
  let key: KeyPair | undefined;
  try {
    key = fromSeed(Buffer.from(seed.trim()));
  } catch {
    // nkeys.js says what it could not read; none of that may hold a part of the seed here.
  }
  if (key?.getPublicKey().startsWith("U")) return key;
  const got = key === undefined ? "other text" : "the seed of another kind of key";
  throw new ConnectorError("OPTION_INVALID", `"${option}": expected the seed of a user NKey ("SU…"), got ${got}`);
}

/** The server takes raw base64url, as its own clients send it (nats-server `server/auth.go`). */
export function signNonce(key: KeyPair, nonce: string): string {
  return Buffer.from(key.sign(Buffer.from(nonce))).toString("base64url");
}
