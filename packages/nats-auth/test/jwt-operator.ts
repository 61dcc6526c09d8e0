import { createHash } from "node:crypto";
import { createAccount, createOperator, createUser, type KeyPair } from "nkeys.js";

/** An operator with one JetStream account, made without any tool: what a server and its users need. */
export interface JwtOperator {
  /** For the server's configuration file. */
  readonly serverConfig: string;
  /** A user of the account; `expiresInSeconds` is the life of the JWT. */
  issueUser(options?: { expiresInSeconds?: number; user?: KeyPair }): { jwt: string; seed: string; user: KeyPair };
}

export function createJwtOperator(): JwtOperator {
  const operator = createOperator();
  const system = createAccount();
  const account = createAccount();
  const unlimited = { conn: -1, subs: -1, data: -1, payload: -1, leaf: -1, imports: -1, exports: -1, wildcards: true };
  const jetstream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const operatorJwt = issue(operator, operator, "operator", { system_account: system.getPublicKey() });
  const systemJwt = issue(operator, system, "account", { limits: unlimited });
  const accountJwt = issue(operator, account, "account", { limits: { ...unlimited, ...jetstream } });
  return {
    serverConfig: `operator: ${operatorJwt}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload: { ${system.getPublicKey()}: ${systemJwt}, ${account.getPublicKey()}: ${accountJwt} }`,
    issueUser({ expiresInSeconds, user = createUser() } = {}) {
      const limits = { subs: -1, data: -1, payload: -1 };
      const exp = expiresInSeconds === undefined ? undefined : Math.floor(Date.now() / 1000) + expiresInSeconds;
      const jwt = issue(account, user, "user", limits, exp);
      return { jwt, seed: new TextDecoder().decode(user.getSeed()), user };
    },
  };
}

/** NATS JWT v2: an ordinary JWT signed with an NKey (github.com/nats-io/jwt, `v2/claims.go`). */
function issue(issuer: KeyPair, subject: KeyPair, type: string, nats: object, exp?: number): string {
  const claims = {
    jti: "",
    iat: Math.floor(Date.now() / 1000),
    ...(exp === undefined ? {} : { exp }),
    iss: issuer.getPublicKey(),
    name: type,
    sub: subject.getPublicKey(),
    nats: { ...nats, type, version: 2 },
  };
  const jti = createHash("sha256").update(JSON.stringify(claims)).digest("hex");
  const signed = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode({ ...claims, jti })}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString("base64url")}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
