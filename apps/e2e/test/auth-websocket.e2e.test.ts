import { jwtAuthenticator, wsconnect } from "@nats-io/nats-core";
import { defineSchema, memoryCheckpoints } from "@x/connector-api";
import { natsConnector, openSink, openSource } from "@x/nats-connector";
import { createJwtOperator, findFreePort, startNatsServer } from "@x/nats-testkit";
import { credsAuthenticator } from "nats";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { numberedRows } from "../src/pipeline-sql.js";
import { openStreams } from "../src/streams.js";

// Node 20 has no WebSocket of its own; from Node 22 on this line is not needed.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;

test("over a WebSocket that is handed in: reads, writes and outlives the server, as the user of a JWT", async () => {
  const operator = createJwtOperator();
  const port = await findFreePort();
  const config = `websocket { listen: "127.0.0.1:${port}", no_tls: true }\n${operator.config()}`;
  await using server = await startNatsServer({ config });
  const [admin, user] = [operator.account.issueUser(), operator.account.issueUser()];
  const reconnecting = { maxReconnectAttempts: -1, reconnectTimeWait: 50 };
  const authenticator = credsAuthenticator(Buffer.from(admin.creds));
  await using streams = await openStreams(server.url, { authenticator, ...reconnecting });
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");

  const client = await wsconnect({
    servers: `ws://127.0.0.1:${port}`,
    authenticator: jwtAuthenticator(() => user.jwt, Buffer.from(user.seed)),
    ...reconnecting,
  });
  const table = { client, format: "json", schema: defineSchema({ n: "BIGINT" }), name: "ws" };
  const source = await openSource({ ...table, stream: "INPUT", checkpoints: memoryCheckpoints() });
  const sink = await openSink({ ...table, stream: "OUTPUT", subject: "out.rows", messageId: "{n}" });
  await streams.fill("in.rows", numberedRows(1, 1000));
  let written = 0;
  for await (const batch of source.batches()) {
    await sink.write(batch.rows);
    await sink.flush();
    await batch.commit();
    written += batch.rows.length;
    if (written === 1000) {
      await server.restart();
      await expect.poll(() => streams.count("INPUT").catch(() => 0)).toBe(1000);
      await streams.fill("in.rows", numberedRows(1001, 2000));
    }
    if (written === 2000) break;
  }
  expect(await streams.rows("OUTPUT")).toEqual(numberedRows(1, 2000));
  expect(source.counters).toMatchObject({ rowsIn: 2000, gaps: 0, reconnects: 1 });
  await source.close();
  await sink.close();
  // Whoever has opened it closes it.
  expect(client.isClosed()).toBe(false);
  await client.close();
}, 40_000);

test("ws:// among the servers says what to do instead", async () => {
  const profile = natsConnector().parseProfile({ servers: "ws://127.0.0.1:8080" });
  const table = { format: "raw_string", schema: defineSchema({ value: "TEXT" }), subject: "s" };
  await expect(openSink({ ...table, servers: profile.servers })).rejects.toMatchObject({
    code: "OPTION_INVALID",
    message: expect.stringMatching(/"ws:\/\/" cannot be dialled .* wsconnect of @nats-io\/nats-core and hand it in/),
  });
});
