import { createHash } from "node:crypto";
import { createAccount, createOperator, createUser, type KeyPair } from "nkeys.js";

export interface JwtUserOptions {
  /** The life of the JWT from now on. Default: for ever. */
  expiresInSeconds?: number;
  /** Renew this user: same key, another JWT. Default: a new user. */
  user?: JwtUser;
  /** Sign with the account's signing key instead of its own. Default: false. */
  bySigningKey?: boolean;
  /** Subjects that may be published and subscribed to. Default: all. */
  allow?: { publish: readonly string[]; subscribe: readonly string[] };
}

export interface JwtUser {
  readonly jwt: string;
  readonly seed: string;
  /** What `nsc` would write to a `.creds` file. */
  readonly creds: string;
  readonly publicKey: string;
}

export interface JwtAccount {
  readonly publicKey: string;
  issueUser(options?: JwtUserOptions): JwtUser;
  /** Every JWT issued to this user until now is refused, once the server has the new `config()`. */
  revoke(user: JwtUser): void;
}

/**
 * Decentralised authentication made without any tool: an operator, a system account and any number of accounts with
 * JetStream, each with a signing key of its own.
 */
export interface JwtOperator {
  /** The first account. */
  readonly account: JwtAccount;
  /** `limits` in place of none on JetStream, as a JWT has them: `{ tiered_limits: { R1: … } }` for example. */
  addAccount(name: string, limits?: object): JwtAccount;
  /** For the server's configuration file, as of now: `startNatsServer({ config })`, `server.reload(config)`. */
  config(): string;
}

export function createJwtOperator(): JwtOperator {
  const operator = createOperator();
  const system = createAccount();
  const operatorJwt = sign(operator, operator, "operator", { system_account: system.getPublicKey() });
  const systemJwt = sign(operator, system, "SYS", { type: "account", limits: unlimited });
  const accounts: { publicKey: string; jwt(): string }[] = [];

  const addAccount = (name: string, ownLimits: object = jetstream): JwtAccount => {
    const account = createAccount();
    const signingKey = createAccount();
    const publicKey = account.getPublicKey();
    const revocations: Record<string, number> = {};
    accounts.push({
      publicKey,
      jwt: () =>
        sign(operator, account, name, {
          type: "account",
          limits: { ...unlimited, ...ownLimits },
          signing_keys: [signingKey.getPublicKey()],
          revocations,
        }),
    });
    return {
      publicKey,
      issueUser: (options = {}) => issueUser(account, signingKey, options),
      revoke: (user) => {
        revocations[user.publicKey] = now();
      },
    };
  };

  return {
    account: addAccount("APP"),
    addAccount,
    config: () => `operator: ${operatorJwt}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
  ${system.getPublicKey()}: ${systemJwt}
${accounts.map((account) => `  ${account.publicKey}: ${account.jwt()}`).join("\n")}
}
`,
  };
}

const seeds = new TextDecoder();
const unlimited = { conn: -1, subs: -1, data: -1, payload: -1, leaf: -1, imports: -1, exports: -1, wildcards: true };
/** Without these limits an account has no JetStream. */
const jetstream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

function issueUser(account: KeyPair, signingKey: KeyPair, options: JwtUserOptions): JwtUser {
  const { expiresInSeconds, user, bySigningKey = false, allow } = options;
  const key = user === undefined ? createUser() : undefined;
  const publicKey = user?.publicKey ?? key?.getPublicKey() ?? "";
  const seed = user?.seed ?? seeds.decode(key?.getSeed());
  const claims = {
    type: "user",
    subs: -1,
    data: -1,
    payload: -1,
    ...(allow === undefined ? {} : { pub: { allow: allow.publish }, sub: { allow: allow.subscribe } }),
    ...(bySigningKey ? { issuer_account: account.getPublicKey() } : {}),
  };
  const exp = expiresInSeconds === undefined ? undefined : now() + expiresInSeconds;
  const jwt = sign(bySigningKey ? signingKey : account, publicKey, "user", claims, exp);
  return { jwt, seed, publicKey, creds: formatCreds(jwt, seed) };
}

/** NATS JWT v2: an ordinary JWT signed with an NKey (github.com/nats-io/jwt, `v2/claims.go`). */
function sign(issuer: KeyPair, subject: KeyPair | string, name: string, nats: object, exp?: number): string {
  const claims = {
    jti: "",
    iat: now(),
    ...(exp === undefined ? {} : { exp }),
    iss: issuer.getPublicKey(),
    name,
    sub: typeof subject === "string" ? subject : subject.getPublicKey(),
    nats: { type: name, ...nats, version: 2 },
  };
  const jti = createHash("sha256").update(JSON.stringify(claims)).digest("hex");
  const text = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode({ ...claims, jti })}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url")}`;
}

function formatCreds(jwt: string, seed: string): string {
  return `-----BEGIN NATS USER JWT-----
${jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------

*************************************************************
`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

/** JWTs count in whole seconds. */
function now(): number {
  return Math.floor(Date.now() / 1000);
}
