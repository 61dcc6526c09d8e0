import { fromPublic } from "nkeys.js";
import { expect } from "vitest";
import { builtinStrategies } from "../src/index.ts";
import { describeAuthStrategy } from "../src/testing/index.ts";
import { createJwtOperator } from "./jwt-operator.ts";

const [none, credentials, jwt] = builtinStrategies;

describeAuthStrategy({
  strategy: none,
  options: {},
  secrets: [],
  check: (reply) => expect(reply).toBeUndefined(),
});

describeAuthStrategy({
  strategy: credentials,
  options: { "auth.username": "wally-the-user", "auth.password": "pa$$ word-4711" },
  secrets: ["wally-the-user", "pa$$ word-4711"],
  check: (reply) => expect(reply).toEqual({ user: "wally-the-user", pass: "pa$$ word-4711" }),
});

const user = createJwtOperator().issueUser();

describeAuthStrategy({
  strategy: jwt,
  options: { "auth.jwt": user.jwt, "auth.nkey_seed": user.seed },
  secrets: [user.jwt, user.seed, user.seed.slice(8, 40)],
  check(reply, nonce) {
    const { jwt, nkey, sig } = reply as { jwt: string; nkey: string; sig: string };
    expect({ jwt, nkey }).toEqual({ jwt: user.jwt, nkey: user.user.getPublicKey() });
    expect(fromPublic(nkey).verify(Buffer.from(nonce), Buffer.from(sig, "base64url"))).toBe(true);
  },
});
