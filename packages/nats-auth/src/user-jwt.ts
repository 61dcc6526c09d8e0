import { ConnectorError } from "@x/connector-api";
import type { KeyPair } from "nkeys.js";
import type { AuthReply, Lifetime } from "./auth-strategy.js";
import { signNonce, userKeyOf } from "./nkey.js";

/** A user JWT and the key it was issued for. */
export interface UserJwt {
  readonly key: KeyPair;
  readonly nkey: string;
  readonly token: string;
  readonly lifetime: Lifetime | undefined;
}

/** Where the two parts come from, for messages. */
export interface UserJwtOptions {
  readonly jwt: string;
  readonly seed: string;
}

/** Finds the usual mix-ups before the server can only say "authorization violation". Throws OPTION_INVALID. */
export function readUserJwt(jwt: string, seed: string, options: UserJwtOptions): UserJwt {
  const key = userKeyOf(seed, options.seed);
  const nkey = key.getPublicKey();
  const token = jwt.trim();
  const claims = claimsOf(token);
  if (claims === undefined) {
    throw new ConnectorError("OPTION_INVALID", `"${options.jwt}": expected a NATS user JWT ("eyJ…"), got other text`);
  }
  if (claims.sub !== nkey) {
    throw new ConnectorError(
      "OPTION_INVALID",
      options.jwt === options.seed
        ? `"${options.jwt}": the JWT was issued for the NKey ${claims.sub}, but the seed beside it is of ${nkey}`
        : `"${options.jwt}" was issued for the NKey ${claims.sub}, but "${options.seed}" is of ${nkey}`,
    );
  }
  return { key, nkey, token, lifetime: lifetimeOf(claims) };
}

export function replyWithJwt({ key, nkey, token }: UserJwt, nonce: string | undefined): AuthReply {
  return nonce ? { jwt: token, nkey, sig: signNonce(key, nonce) } : { jwt: token };
}

interface Claims {
  readonly sub: string;
  readonly iat?: unknown;
  readonly exp?: unknown;
}

/** Claims are read, not verified: that is the server's part. */
function claimsOf(token: string): Claims | undefined {
  const [, body = "", signature, ...rest] = token.split(".");
  if (signature === undefined || rest.length > 0) return undefined;
  try {
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Claims;
    return typeof claims.sub === "string" && /^[A-Z0-9]{56}$/.test(claims.sub) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** `iat` and `exp` are seconds (RFC 7519); without `exp`, or with 0, it never expires. */
function lifetimeOf({ iat, exp }: Claims): Lifetime | undefined {
  if (typeof exp !== "number" || exp <= 0) return undefined;
  return { issuedAtMs: typeof iat === "number" ? iat * 1000 : Date.now(), expiresAtMs: exp * 1000 };
}
