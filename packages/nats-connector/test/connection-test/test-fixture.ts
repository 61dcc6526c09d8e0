import { setTimeout as sleep } from "node:timers/promises";
import {
  type ConnectionSchema,
  ConnectorOptions,
  defineSchema,
  parseOperatorConfig,
  type TestMessage,
} from "@x/connector-api";
import { findFreePort, type NatsServer, startNatsServer } from "@x/nats-testkit";
import { connect, type JetStreamManager, type NatsConnection } from "nats";
import { afterAll, beforeAll, expect } from "vitest";
import { type NatsConnectorOptions, natsConnector } from "../../src/nats-connector.js";

export const schema = defineSchema({ id: "BIGINT NOT NULL", note: "TEXT" });
export const admin = { type: "credentials", username: "admin", password: "right" };

/** A server with an administrator, and users who may only do what each test names. */
export interface TestFixture {
  readonly server: NatsServer;
  readonly client: NatsConnection;
  readonly jsm: JetStreamManager;
  /** Names of all streams and consumers, and the number of messages of each stream: what a test must leave alone. */
  inventory(): Promise<string[]>;
  /** How many connections the server has beside `client`, once it has noticed those that ended. */
  strangers(): Promise<number>;
}

export function withServer(users: Readonly<Record<string, string>> = {}): TestFixture {
  let server: NatsServer;
  let client: NatsConnection;
  let jsm: JetStreamManager;
  const others = Object.entries(users).map(
    ([user, permissions]) => `{ user: ${user}, password: right, permissions: { ${permissions} } }`,
  );
  let monitor: number;
  beforeAll(async () => {
    monitor = await findFreePort();
    const config = `http: "127.0.0.1:${monitor}"\nauthorization { users: [ { user: admin, password: right }, ${others.join(", ")} ] }`;
    server = await startNatsServer({ config });
    client = await connect({ servers: server.url, user: "admin", pass: "right" });
    jsm = await client.jetstreamManager();
  });
  afterAll(async () => {
    await client?.close();
    await server?.[Symbol.asyncDispose]();
  });
  return {
    get server() {
      return server;
    },
    get client() {
      return client;
    },
    get jsm() {
      return jsm;
    },
    async inventory() {
      const lines: string[] = [];
      for (const { config, state } of await jsm.streams.list().next()) {
        const consumers = await jsm.consumers.list(config.name).next();
        lines.push(`${config.name} ${state.messages} ${consumers.map(({ name }) => name).join()}`);
      }
      return lines.sort();
    },
    async strangers() {
      for (let attempt = 1; ; attempt++) {
        const answer = await fetch(`http://127.0.0.1:${monitor}/connz`);
        const { num_connections } = (await answer.json()) as { num_connections: number };
        if (num_connections === 1 || attempt === 20) return num_connections - 1;
        await sleep(50);
      }
    },
  };
}

/** The steps of a test of a table, from options as a TypeScript user writes them. */
export function testOf(
  options: object,
  signal = new AbortController().signal,
  columns: ConnectionSchema = schema,
  given: NatsConnectorOptions = {},
): AsyncIterable<TestMessage> {
  const connector = natsConnector({ environment: {}, ...given });
  const connection = connector.fromOptions("t", ConnectorOptions.fromObject(options, {}), columns);
  const config = parseOperatorConfig(connection.config);
  const profile = connector.parseProfile(config.connection);
  const table = connector.parseTable(config.table);
  const steps = connector.test?.("t", profile, table, columns, signal, config);
  if (steps === undefined) throw new Error("the connector cannot test");
  return steps;
}

/** All messages, having checked their form: running and result per step, one verdict, at the end, timed. */
export async function resultOf(
  steps: AsyncIterable<TestMessage>,
): Promise<{ readonly messages: readonly TestMessage[]; readonly verdict: TestMessage; text(step: string): string }> {
  const messages: TestMessage[] = [];
  for await (const message of steps) messages.push(message);
  const verdict = messages.at(-1) as TestMessage;
  expect(verdict).toMatchObject({ step: "verdict", done: true });
  expect(messages.filter((message) => message.done)).toHaveLength(1);
  expect(messages.some((message) => message.status === "failed")).toBe(verdict.status === "failed");
  for (const message of messages) {
    expect(message.elapsedMs).toBeGreaterThanOrEqual(0);
    expect(`${message.message} ${message.remedy}`).not.toContain("right");
    if (message.status === "failed") expect(message.remedy).toBeTruthy();
  }
  const text = (step: string): string =>
    messages.find((message) => message.step === step && message.status !== "running")?.message ?? "";
  return { messages, verdict, text };
}
