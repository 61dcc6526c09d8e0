import { connect as connect3 } from "@nats-io/transport-node";
import { defineSchema } from "@x/connector-api";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { connect as connect2 } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { natsKvCheckpoints } from "../src/direct/nats-kv-checkpoints.ts";
import { openSink, openSource } from "../src/direct.ts";
import type { NatsClient } from "../src/nats-client.ts";
import { type Observer, observe, revive } from "./sink/sink-fixture.ts";

const schema = defineSchema({ id: "BIGINT NOT NULL" });
const TOTAL = 5000;
const ids = Array.from({ length: TOTAL }, (_, i) => i + 1);

let server: NatsServer;
let observer: Observer;
beforeAll(async () => {
  server = await startNatsServer();
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});

const options = { maxReconnectAttempts: -1, reconnectTimeWait: 100 };
const clients: [string, () => Promise<NatsClient>][] = [
  ["nats 2", () => connect2({ servers: server.url, ...options })],
  ["@nats-io/transport-node 3", () => connect3({ servers: server.url, ...options })],
];

describe.each(clients)("an open connection of %s", (name, connect) => {
  it("serves a sink, a source and their checkpoints, survives the server, and stays open", {
    timeout: 60_000,
  }, async () => {
    const stream = name.startsWith("nats 2") ? "TWO" : "THREE";
    await observer.createStream({ name: stream, subjects: [`${stream}.rows`] });
    const client = await connect();
    const common = { client, format: "json", schema, stream };
    {
      await using sink = await openSink<{ id: number | bigint }>({
        ...common,
        subject: `${stream}.rows`,
        messageId: "{id}",
      });
      await sink.write(ids.slice(0, TOTAL / 2).map((id) => ({ id })));
      await server.kill();
      const restarted = revive(server);
      await sink.write(ids.slice(TOTAL / 2).map((id) => ({ id })));
      await restarted;
      await sink.flush();
      expect(sink.counters).toMatchObject({ rowsOut: TOTAL, reconnects: 1 });
    }
    const checkpoints = natsKvCheckpoints({ client, bucket: stream, create: true });
    const seen: number[] = [];
    for (const part of [1000, TOTAL]) {
      await using source = await openSource({ ...common, name: "reader", checkpoints, untilCaughtUp: true });
      for await (const batch of source.batches({ maxRows: 100 })) {
        seen.push(...batch.rows.map(({ id }) => Number(id)));
        await batch.commit();
        if (seen.length >= part) break;
      }
    }
    expect(seen).toEqual(ids);
    await checkpoints.close();
    expect(client.isClosed()).toBe(false);
    await client.close();
  });
});
