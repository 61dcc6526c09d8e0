import { readdirSync } from "node:fs";
import { inspect } from "node:util";
import { ConnectorOptions, isConnectorError } from "@x/connector-api";
import { createJwtOperator } from "@x/nats-testkit";
import { createAccount } from "nkeys.js";
import { describe, expect, test } from "vitest";
import { type AuthStrategy, authFromOptions, builtinStrategies, openAuth, parseAuth } from "../src/index.ts";

const context = { environment: {}, report: () => {} };

function pull(auth: object, custom: readonly AuthStrategy[] = []): unknown {
  const options = ConnectorOptions.fromObject({ auth });
  const stored = authFromOptions(options, custom);
  options.finish();
  return stored;
}

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isConnectorError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("it did not fail");
}

describe("authFromOptions", () => {
  test("stores what was given", () => {
    expect(pull({})).toEqual({ type: "none" });
    expect(pull({ type: "Credentials", username: "u", passwordFile: "/p" })).toEqual({
      type: "credentials",
      username: "u",
      passwordFile: "/p",
    });
  });

  test.each([
    [
      { type: "jwtt" },
      'OPTION_INVALID: option "auth.type": expected one of "none", "credentials", "jwt", "token", "nkey", "creds", got "jwtt"',
    ],
    [{ type: "token" }, 'OPTION_MISSING: auth.type = "token" needs "auth.token" (or "auth.token_file")'],
    [{ type: "nkey" }, 'OPTION_MISSING: auth.type = "nkey" needs "auth.nkey_seed"'],
    [
      { type: "creds", creds: "x", credsFile: "y" },
      'OPTION_CONFLICT: options "auth.creds" and "auth.credsFile" exclude',
    ],
    [{ type: "creds", creds: "x", token: "y" }, 'belongs to auth.type = "token", but auth.type is "creds"'],
    [{ type: "jwt", jwt: "x" }, 'OPTION_MISSING: auth.type = "jwt" needs "auth.nkey_seed"'],
    [
      { type: "credentials" },
      'needs "auth.username" (or "auth.username_file") and "auth.password" (or "auth.password_file")',
    ],
    [
      { password: "x", token: "y" },
      'options "auth.password" and "auth.token" belong to two kinds of authentication, auth.type = "credentials" and auth.type = "token"; give one kind',
    ],
    [
      { jwt: "x", nkeySeed: "y" },
      'option "auth.jwt" belongs to auth.type = "jwt", but auth.type is "none" (the default)',
    ],
    [{ jwt: "x", nkeySeed: "y", usernameFile: "z" }, 'options "auth.username_file" and "auth.jwt" belong to two kinds'],
    [
      { password: "x" },
      'OPTION_CONFLICT: option "auth.password" belongs to auth.type = "credentials", but auth.type is "none" (the default)',
    ],
    [{ type: "credentials", jwt: "x" }, 'OPTION_CONFLICT: option "auth.jwt" belongs to auth.type = "jwt"'],
    [{ token: "x" }, 'OPTION_CONFLICT: option "auth.token" belongs to auth.type = "token"'],
    [{ type: "credentials", username: "u", password: "p", usernam: "v" }, "OPTION_UNKNOWN"],
  ])("%j", (auth, expected) => {
    expect(failure(() => pull(auth))).toContain(expected);
  });

  test("takes a strategy of one's own beside the builtin ones", async () => {
    const fixed: AuthStrategy = {
      type: "fixed",
      optionNames: ["auth.fixed"],
      fromOptions: (options) => ({ type: "fixed", fixed: options.pullString("auth.fixed") }),
      parse: () => ({ type: "fixed" }),
      open: async () => () => ({ user: "fixed" }),
    };
    const stored = pull({ type: "fixed", fixed: "yes" }, [fixed]);
    expect(stored).toEqual({ type: "fixed", fixed: "yes" });
    const authenticator = await openAuth(parseAuth(stored, [fixed]), context, [fixed]);
    expect(authenticator()).toEqual({ user: "fixed" });
    expect(failure(() => parseAuth(stored))).toContain('auth.type: expected one of "none", "credentials", "jwt"');
  });

  test("the list has every file of strategies/", () => {
    const files = readdirSync(new URL("../src/strategies", import.meta.url)).map((file) => file.replace(".ts", ""));
    expect(builtinStrategies.map(({ type }) => type as string).sort()).toEqual(files.sort());
  });
});

describe("parseAuth", () => {
  test("reads Arroyo's untagged shapes, in either spelling", () => {
    expect(parseAuth(undefined).type).toBe("none");
    expect(parseAuth({}).type).toBe("none");
    expect(parseAuth({ username: "u", password: "p" }).type).toBe("credentials");
    expect(parseAuth({ jwt: "j", nkey_seed: "s" })).toEqual(parseAuth({ type: "jwt", jwt: "j", nkeySeed: "s" }));
  });

  test.each([
    [7, "auth: expected an object, got integer"],
    [{ user: "u" }, "auth.type: expected one of"],
    [{ type: "creds" }, 'auth.type = "creds" needs "auth.creds" (or "auth.creds_file")'],
    [{ username: "u", password: "p", jwt: "j" }, 'fields of both "credentials" and "jwt"'],
    [{ type: "token", token: "t", jwt: "j" }, 'auth.jwt belongs to auth.type = "jwt", but auth.type is "token"'],
    [{ username: "u" }, 'auth.type = "credentials" needs "auth.password"'],
    [{ type: "jwt" }, 'needs "auth.jwt" (or "auth.jwt_file") and "auth.nkey_seed" (or "auth.nkey_seed_file")'],
    [{ username: "u", password: "p", password_file: "f" }, '"auth.password" and "auth.password_file" exclude'],
    [{ username: "u", password: 5 }, '"auth.password": expected text, got integer'],
    [
      { type: "none", password: "geheim" },
      'auth.password belongs to auth.type = "credentials", but auth.type is "none"',
    ],
    [{ type: "none", geheim: "x" }, 'auth.geheim: auth.type = "none" has no such field'],
  ])("%j", (stored, expected) => {
    expect(failure(() => parseAuth(stored))).toContain(expected);
  });
});

describe("jwt", () => {
  const { jwt, seed } = createJwtOperator().account.issueUser();
  const account = new TextDecoder().decode(createAccount().getSeed());
  const bad = seed.slice(0, -4);

  test.each([
    [{ jwt, nkeySeed: bad }, 'expected the seed of a user NKey ("SU…"), got other text'],
    [{ jwt, nkeySeed: account }, "got the seed of another kind of key"],
    [{ jwt: "not.a.jwt", nkeySeed: seed }, 'expected a NATS user JWT ("eyJ…")'],
    [{ jwt: createJwtOperator().account.issueUser().jwt, nkeySeed: seed }, "was issued for the NKey U"],
  ])("refuses what cannot work when it is opened, without the secret (%#)", async (fields, expected) => {
    const error = await openAuth(parseAuth(fields), context).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!isConnectorError(error)) throw new Error("no coded error");
    expect(error.code).toBe("OPTION_INVALID");
    expect(error.message).toContain(expected);
    for (const secret of Object.values(fields)) expect(inspect(error, { depth: 20 })).not.toContain(secret);
  });
});
