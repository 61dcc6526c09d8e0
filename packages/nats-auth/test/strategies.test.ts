import { createJwtOperator } from "@x/nats-testkit";
import { createUser, fromPublic, fromSeed } from "nkeys.js";
import { expect } from "vitest";
import { builtinStrategies } from "../src/index.ts";
import { describeAuthStrategy } from "../src/testing/index.ts";
import { type Identity, startAuthServer } from "./auth-server.ts";

const [none, credentials, jwt, token, nkey, creds] = builtinStrategies;
const strangers = "authorization { user: somebody, password: else }";

describeAuthStrategy({
  strategy: none,
  options: {},
  secrets: [],
  check: (reply) => expect(reply).toBeUndefined(),
  async startServer() {
    const open: Identity = { config: "", options: {} };
    const server = await startAuthServer(open, open, strangers);
    // Without credentials there is nothing to rotate; what is left of it is that the connection is dropped.
    const rotate = async () => {
      await server.restart();
      return {};
    };
    return { ...server, rotate };
  },
});

const passwords = (username: string, password: string): Identity => ({
  config: `authorization { user: "${username}", password: "${password}" }`,
  options: { "auth.username": username, "auth.password": password },
});

describeAuthStrategy({
  strategy: credentials,
  options: { "auth.username": "wally-the-user", "auth.password": "pa$$ word-4711" },
  secrets: ["wally-the-user", "pa$$ word-4711"],
  check: (reply) => expect(reply).toEqual({ user: "wally-the-user", pass: "pa$$ word-4711" }),
  startServer: () => startAuthServer(passwords("wally", "one"), passwords("molly", "two"), strangers),
});

const tokens = (text: string): Identity => ({
  config: `authorization { token: "${text}" }`,
  options: { "auth.token": text },
});

describeAuthStrategy({
  strategy: token,
  options: { "auth.token": "t0ken-that-nobody-guesses" },
  secrets: ["t0ken-that-nobody-guesses"],
  check: (reply) => expect(reply).toEqual({ auth_token: "t0ken-that-nobody-guesses" }),
  startServer: () => startAuthServer(tokens("t-one"), tokens("t-two"), strangers),
});

const seedOf = (): string => new TextDecoder().decode(createUser().getSeed());
const publicOf = (seed: string): string => fromSeed(Buffer.from(seed)).getPublicKey();
const keys = (seed: string): Identity => ({
  config: `authorization { users: [{ nkey: ${publicOf(seed)} }] }`,
  options: { "auth.nkey_seed": seed },
});
const seed = seedOf();

describeAuthStrategy({
  strategy: nkey,
  options: { "auth.nkey_seed": seed },
  secrets: [seed, seed.slice(8, 40)],
  check(reply, nonce) {
    const { nkey, sig } = reply as { nkey: string; sig: string };
    expect(nkey).toBe(publicOf(seed));
    expect(fromPublic(nkey).verify(Buffer.from(nonce), Buffer.from(sig, "base64url"))).toBe(true);
  },
  startServer: () => startAuthServer(keys(seedOf()), keys(seedOf()), keys(seedOf()).config),
});

const user = createJwtOperator().account.issueUser();
const checkJwt = (reply: unknown, nonce: string): void => {
  const { jwt, nkey, sig } = reply as { jwt: string; nkey: string; sig: string };
  expect({ jwt, nkey }).toEqual({ jwt: user.jwt, nkey: user.publicKey });
  expect(fromPublic(nkey).verify(Buffer.from(nonce), Buffer.from(sig, "base64url"))).toBe(true);
};

/** One user is revoked in favour of another, and then that one, too. */
async function startJwtServer(optionsOf: (user: { jwt: string; seed: string; creds: string }) => Identity["options"]) {
  const operator = createJwtOperator();
  const [first, second] = [operator.account.issueUser(), operator.account.issueUser()];
  const before = { config: operator.config(), options: optionsOf(first) };
  operator.account.revoke(first);
  const after = { config: operator.config(), options: optionsOf(second) };
  operator.account.revoke(second);
  return await startAuthServer(before, after, operator.config());
}

describeAuthStrategy({
  strategy: jwt,
  options: { "auth.jwt": user.jwt, "auth.nkey_seed": user.seed },
  secrets: [user.jwt, user.seed, user.seed.slice(8, 40)],
  check: checkJwt,
  startServer: () => startJwtServer(({ jwt, seed }) => ({ "auth.jwt": jwt, "auth.nkey_seed": seed })),
});

describeAuthStrategy({
  strategy: creds,
  options: { "auth.creds": user.creds },
  secrets: [user.jwt, user.seed, user.seed.slice(8, 40)],
  check: checkJwt,
  startServer: () => startJwtServer(({ creds }) => ({ "auth.creds": creds })),
});
