import { inspect } from "node:util";
import {
  type ConnectorError,
  ConnectorOptions,
  defineSchema,
  type Logger,
  type OperatorConfig,
} from "@x/connector-api";
import { createJwtOperator, type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { natsConnector, openSink, openSource } from "../src/index.js";

const { account } = createJwtOperator();
const user = account.issueUser();
const { seed } = account.issueUser();
const kinds = {
  credentials: { username: "wally-the-user", password: "pa$$ word-4711" },
  token: { token: "t0ken-that-nobody-guesses" },
  nkey: { nkeySeed: seed },
  jwt: { jwt: user.jwt, nkeySeed: user.seed },
  creds: { creds: user.creds },
};
const partsOf = (secret: string): string[] => [secret, secret.slice(8, 40), Buffer.from(secret).toString("base64")];
const secrets = Object.values(kinds).flatMap((fields) => Object.values(fields).flatMap(partsOf));

function expectNone(...values: unknown[]): void {
  for (const value of values) {
    const forms = [inspect(value, { depth: 20, showHidden: true, getters: true }), String(value), jsonOf(value)];
    if (value instanceof Error) forms.push(value.stack ?? "", inspect(value.cause, { depth: 20, showHidden: true }));
    for (const secret of secrets) expect(forms.join("\n").includes(secret), "a secret is printed").toBe(false);
  }
}

const jsonOf = (value: unknown): string =>
  JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? String(item) : item)) ?? "";

let server: NatsServer;
beforeAll(async () => {
  server = await startNatsServer({ config: 'authorization { user: somebody, password: "else" }' });
});
afterAll(() => server[Symbol.asyncDispose]());

const schema = defineSchema({ value: "TEXT" });
const table = { format: "raw_string", schema, connectTimeout: "3s" };

describe.each(Object.entries(kinds))("auth.type = %s", (type, fields) => {
  const connector = natsConnector();

  test("errors, logs and verdicts show no secret, whatever prints them", async () => {
    const logged: unknown[] = [];
    const log = (...said: unknown[]): void => void logged.push(said);
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    const failures: unknown[] = [];
    const failing = async (run: () => Promise<unknown>): Promise<void> => {
      await expect(run().catch((error: unknown) => Promise.reject(failures.push(error) && error))).rejects.toThrow();
    };
    const literal = { type, ...fields };
    const supplied = Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, () => text]));
    for (const auth of [literal, { type, ...supplied }]) {
      await failing(() => openSink({ ...table, auth, logger, servers: server.url, subject: "s" }));
      await failing(() => openSource({ ...table, auth, logger, servers: server.url, subject: "s" }));
      await failing(() => openSink({ ...table, auth, logger, servers: server.url, subject: "s", strem: "x" }));
      await failing(() => openSink({ ...table, auth: { ...auth, surprise: "x" }, servers: server.url, subject: "s" }));
    }
    const profile = connector.parseProfile({ servers: server.url, auth: literal });
    for await (const message of connector.testProfile?.(profile, AbortSignal.timeout(10_000)) ?? [])
      logged.push(message);
    const codes = ["AUTH_FAILED", "AUTH_FAILED", "OPTION_UNKNOWN", "OPTION_UNKNOWN"];
    expect(failures.map((error) => (error as ConnectorError).code)).toEqual([...codes, ...codes]);
    expectNone(...failures, logged);
  });

  test("profiles and operators print without it; only the stored form has it", () => {
    const profile = connector.parseProfile({ servers: "{{ NATS_URL }}", auth: { type, ...fields } });
    const options = {
      servers: "127.0.0.1",
      auth: { type, ...fields },
      format: "raw_string",
      type: "sink",
      subject: "s",
    };
    const connection = connector.fromOptions("t", ConnectorOptions.fromObject(options), schema);
    const { config, operatorConfig: _same, ...described } = connection;
    const parsed = connector.parseTable((JSON.parse(config) as OperatorConfig).table);
    const operator = connector.makeOperator(profile, parsed, JSON.parse(config) as OperatorConfig, schema);
    expectNone(profile, connector.configDescription(profile), described, operator, connector.metadata());
    expect(config).toContain(JSON.stringify(Object.values(fields)[0]).slice(1, -1));
  });
});
