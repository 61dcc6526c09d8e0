import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { type ConnectorError, ConnectorOptions, isConnectorError } from "@x/connector-api";
import { afterAll, describe, expect, test } from "vitest";
import type { AuthReply, AuthStrategy } from "../auth-strategy.js";
import { type AuthTestServer, testWithServer } from "./server-laws.js";

/** What the suite needs to know of a strategy. */
export interface AuthStrategySubject<Config extends { readonly type: string }> {
  readonly strategy: AuthStrategy<Config>;
  /** Valid values by option name, without `auth.type`: every secret as a text. */
  readonly options: Readonly<Record<string, string>>;
  /** Texts that must never be printed: the secrets, or telling parts of them. */
  readonly secrets: readonly string[];
  /** Fails when the reply is not what `options` should give for this nonce. */
  readonly check: (reply: AuthReply, nonce: string) => void;
  /** Starts a server of its own for each test of connect, reconnect, rotation and refusal. */
  readonly startServer: () => Promise<AuthTestServer>;
}

const nonce = "aN9-nonce_from_a_server";

/** The conformance suite of an auth strategy. Call it at the top level of a test file. */
export function describeAuthStrategy<Config extends { readonly type: string }>(
  subject: AuthStrategySubject<Config>,
): void {
  const { strategy, options, secrets, check, startServer } = subject;
  const names = Object.keys(options);
  const folder = mkdtempSync(join(tmpdir(), "auth-strategy-"));
  const reports: ConnectorError[] = [];
  const context = (environment: Record<string, string> = {}) => ({
    environment,
    report: (error: ConnectorError) => void reports.push(error),
  });
  const store = (given: Record<string, unknown>, environment: Record<string, string> = {}) => {
    const bag = new ConnectorOptions(
      Object.entries(given).map(([name, value]) => ({ name, label: name, value })),
      environment,
    );
    const stored = strategy.fromOptions(bag);
    bag.finish();
    return stored;
  };
  const mapOptions = (map: (name: string, value: string) => readonly [string, unknown]): Record<string, unknown> =>
    Object.fromEntries(names.map((name) => map(name, options[name] as string)));
  const expectNoSecrets = (...values: unknown[]): void => {
    for (const value of values) {
      const printed = [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value), String(value)].join(
        "\n",
      );
      for (const secret of secrets) expect(printed.includes(secret), "a secret is printed").toBe(false);
    }
  };
  const failureOf = async (run: () => unknown): Promise<ConnectorError> => {
    try {
      await run();
    } catch (error) {
      if (isConnectorError(error)) return error;
      throw error;
    }
    throw new Error("it did not fail");
  };

  describe(`auth strategy "${strategy.type}"`, () => {
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    test("goes from options through stored JSON to a reply", async () => {
      const stored = store({ ...options });
      expect(stored.type).toBe(strategy.type);
      const authenticator = await strategy.open(strategy.parse(JSON.parse(JSON.stringify(stored))), context());
      check(authenticator(nonce), nonce);
    });

    test("keeps variables unresolved in stored JSON and resolves them when opened", async () => {
      const environment = Object.fromEntries(names.map((name, i) => [`AUTH_${i}`, options[name] as string]));
      const given = mapOptions((name) => [name, `{{ AUTH_${names.indexOf(name)} }}`]);
      const json = JSON.stringify(store(given, environment));
      for (const secret of secrets) expect(json).not.toContain(secret);
      const config = strategy.parse(JSON.parse(json));
      check((await strategy.open(config, context(environment)))(nonce), nonce);
      if (names.length === 0) return;
      const error = await failureOf(() => strategy.open(config, context()));
      expect(error.code).toBe("ENV_MISSING");
      expect(error.message).toContain("AUTH_0");
    });

    test("prints no secret, parsed or open", async () => {
      const config = strategy.parse(store({ ...options }));
      const authenticator = await strategy.open(config, context());
      expect(config.type).toBe(strategy.type);
      expectNoSecrets(config, authenticator, strategy);
    });

    test("refuses an unknown field", async () => {
      const error = await failureOf(() => strategy.parse({ ...store({ ...options }), surprise: "x" }));
      expect(error.code).toBe("OPTION_INVALID");
      expect(error.message).toContain("surprise");
    });

    test.each(names)("asks for %s, and takes it only once", async (name) => {
      const { [name]: _, ...others } = options;
      const missing = await failureOf(() => store(others));
      expect(missing.code).toBe("OPTION_MISSING");
      expect(missing.message).toContain(`auth.type = "${strategy.type}" needs "${name}"`);
      const twice = await failureOf(() => store({ ...options, [`${name}_file`]: "/nowhere" }));
      expect(twice.code).toBe("OPTION_CONFLICT");
      expect(twice.message).toContain(`"${name}"`);
      expect(twice.message).toContain(`"${name}_file"`);
      expectNoSecrets(missing, twice);
    });

    test("names everything that is missing at once", async () => {
      if (names.length === 0) return expect(store({}).type).toBe(strategy.type);
      const stored = await failureOf(() => strategy.parse({ type: strategy.type }));
      for (const error of [await failureOf(() => store({})), stored]) {
        expect(error.code).toBe("OPTION_MISSING");
        for (const name of names) expect(error.message).toContain(`"${name}"`);
      }
    });

    test("reads files again for each reply, and keeps the last good reply without them", async () => {
      const files = mapOptions((name, value) => {
        const path = join(folder, name);
        writeFileSync(path, `${value}\n`);
        return [`${name}_file`, path];
      });
      const authenticator = await strategy.open(strategy.parse(store(files)), context());
      check(authenticator(nonce), nonce);
      reports.length = 0;
      for (const path of Object.values(files)) rmSync(path as string);
      check(authenticator(`${nonce}2`), `${nonce}2`);
      expect(reports.map(({ code }) => code)).toEqual(names.length === 0 ? [] : ["OPTION_INVALID"]);
      for (const path of Object.values(files)) writeFileSync(path as string, "");
      check(authenticator(nonce), nonce);
      expectNoSecrets(...reports);
    });

    test("never throws after a first reply, whatever a function does and the listener too", async () => {
      let answer: (value: string) => unknown = (value) => value;
      const given = mapOptions((name, value) => [name, () => answer(value)]);
      const listener = {
        environment: {},
        report: () => {
          throw new Error("listener");
        },
      };
      const authenticator = await strategy.open(strategy.parse(store(given)), listener);
      const hostile: ((value: string) => unknown)[] = [
        (value) => {
          throw new Error(`no ${value}`);
        },
        async () => {
          throw new Error("later");
        },
        () => undefined,
        () => "",
        () => "garbage\u0000",
      ];
      for (const next of hostile) {
        answer = next;
        expect(() => authenticator(nonce)).not.toThrow();
        if (next !== hostile.at(-1)) check(authenticator(nonce), nonce);
      }
    });

    testWithServer(strategy, startServer, folder, store);

    if (names.length === 0) return;

    test("takes async functions: waits for them when opened, refreshes behind replies and when asked", async () => {
      let calls = 0;
      let reject = false;
      const given = mapOptions((name, value) => [
        name,
        async () => {
          calls += 1;
          if (reject) throw new Error(`no ${value}`);
          return value;
        },
      ]);
      const authenticator = await strategy.open(strategy.parse(store(given)), context());
      check(authenticator(nonce), nonce);
      await authenticator.refresh?.();
      const before = calls;
      await authenticator.refresh?.();
      expect(calls).toBeGreaterThan(before);
      reports.length = 0;
      reject = true;
      await authenticator.refresh?.();
      check(authenticator(nonce), nonce);
      expect(reports.map(({ code }) => code)).toContain("OPTION_INVALID");
      expectNoSecrets(...reports);
      const refused = await failureOf(() => strategy.open(strategy.parse(store(given)), context()));
      expect(refused.code).toBe("OPTION_INVALID");
      expectNoSecrets(refused);
      expect((await failureOf(() => JSON.stringify(store(given)))).code).toBe("UNSUPPORTED");
    });

    test("cannot be opened without a secret, and says why", async () => {
      const files = mapOptions((name) => [`${name}_file`, join(folder, "absent")]);
      const error = await failureOf(() => strategy.open(strategy.parse(store(files)), context()));
      expect(error.code).toBe("OPTION_INVALID");
      expect(error.message).toMatch(/_file": cannot read .*absent" \(ENOENT\)/);
    });
  });
}
