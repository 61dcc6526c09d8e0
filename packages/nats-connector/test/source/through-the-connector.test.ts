import { type ConnectionSchema, ConnectorOptions, parseOperatorConfig, type SourceOperator } from "@x/connector-api";
import { startNatsServer } from "@x/nats-testkit";
import { headers } from "nats";
import { expect, test } from "vitest";
import { type NatsConnectorOptions, natsConnector } from "../../src/nats-connector.js";
import { createHost } from "./source-host.js";
import { withStreams } from "./stream-fixture.js";

const fixture = withStreams();
const text = { kind: "text" } as const;
const bigint = { kind: "integer", bits: 64, unsigned: false } as const;
const int = { kind: "integer", bits: 32, unsigned: false } as const;

function makeSource(options: object, schema: ConnectionSchema, given: NatsConnectorOptions = {}): SourceOperator {
  const connector = natsConnector(given);
  const connection = connector.fromOptions("t", ConnectorOptions.fromObject(options, given.environment), schema);
  const config = parseOperatorConfig(connection.config);
  const profile = connector.parseProfile(config.connection);
  const made = connector.makeOperator(profile, connector.parseTable(config.table), config, schema);
  if (made.kind !== "source") throw new Error("no source");
  return made.operator;
}

const column = (
  name: string,
  type: ConnectionSchema["columns"][number]["type"],
  metadataKey?: string,
  nullable = true,
) => ({
  name,
  type,
  nullable,
  ...(metadataKey === undefined ? {} : { metadataKey }),
});

test("metadata columns say what the message says", async () => {
  await fixture.jsm.streams.add({ name: "META", subjects: ["META.>"] });
  const given = headers();
  given.append("X-Id", "one");
  given.append("X-Id", "two");
  const before = Date.now();
  await fixture.client.jetstream().publish("META.a", "hello", { headers: given });
  await fixture.client.jetstream().publish("META.b", "world");
  const schema = {
    columns: [
      column("value", text),
      column("subject", text, "subject"),
      column("stream", text, "stream"),
      column("seq", bigint, "stream_sequence"),
      column("delivery", bigint, "consumer_sequence"),
      column("at", { kind: "timestamp", precision: 3 }, "timestamp"),
      column("nanos", { kind: "timestamp", precision: 9 }, "timestamp"),
      column("pending", bigint, "num_pending"),
      column("delivered", int, "num_delivered"),
      column("headers", { kind: "json" }, "headers"),
      column("id", text, "header.X-Id"),
      column("size", int, "size"),
    ],
  };
  const options = { type: "source", stream: "META", format: "raw_string" };
  const host = createHost(makeSource(options, schema, { client: fixture.client }), { untilCaughtUp: true });
  await host.open();
  expect(await host.run()).toBe("final");
  await host.source.close();
  expect(fixture.client.isClosed()).toBe(false);
  const [first, second] = host.batches.flatMap((batch) => batch.rows);
  expect(first).toMatchObject({
    value: "hello",
    subject: "META.a",
    stream: "META",
    seq: 1,
    delivery: 1,
    pending: 1,
    delivered: 1,
    headers: { "X-Id": ["one", "two"] },
    id: "one",
    size: 5,
  });
  expect(second).toMatchObject({ value: "world", seq: 2, pending: 0, headers: {}, id: null });
  const { at: stored, nanos } = first as { at: Date; nanos: bigint };
  const at = stored.getTime();
  expect(Math.abs(at - before)).toBeLessThan(5000);
  expect(BigInt(at)).toBe(nanos / 1_000_000n);
});

test("a message without what a NOT NULL metadata column needs is bad data that names it", async () => {
  await fixture.fill("NOTNULL", 1);
  const schema = { columns: [column("value", text), column("id", text, "header.X-Id", false)] };
  const options = { type: "source", stream: "NOTNULL", format: "raw_string" };
  const host = createHost(makeSource(options, schema, { client: fixture.client }));
  await host.open();
  await expect(host.run()).rejects.toMatchObject({
    code: "BAD_DATA",
    exitCode: 6,
    message: expect.stringMatching(/message 1 of stream "NOTNULL".*"id"/),
  });
  await host.source.close();
});

test("a rate limit holds", async () => {
  await fixture.fill("RATE", 200);
  const options = { type: "source", stream: "RATE", format: "raw_string", rateLimit: { messagesPerSecond: 200 } };
  const schema = { columns: [column("value", text)] };
  const host = createHost(makeSource(options, schema, { client: fixture.client }), { untilCaughtUp: true });
  await host.open();
  const begun = Date.now();
  await host.run();
  expect(host.values()).toHaveLength(200);
  expect(Date.now() - begun).toBeGreaterThan(600);
  await host.source.close();
});

test("a password is checked at open, and never shown", async () => {
  await using server = await startNatsServer({ config: "authorization { user: u, password: right }" });
  const auth = (password: string): object => ({ type: "credentials", username: "u", password });
  const options = (password: string): object => ({
    servers: server.url,
    auth: auth(password),
    type: "source",
    subject: "a",
    format: "raw_string",
  });
  const schema = { columns: [column("value", text)] };
  const wrong = createHost(makeSource(options("hunter2"), schema));
  const error = await wrong.open().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "AUTH_FAILED", exitCode: 3 });
  expect(`${String(error)} ${JSON.stringify((error as { context: unknown }).context)}`).not.toContain("hunter2");
  await wrong.source.close();
  const right = createHost(makeSource(options("{{ PASSWORD }}"), schema, { environment: { PASSWORD: "right" } }));
  await right.open();
  await right.source.close();
});
