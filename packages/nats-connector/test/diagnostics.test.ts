import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { defineSchema, memoryCheckpoints } from "@x/connector-api";
import { startNatsServer } from "@x/nats-testkit";
import { connect, headers } from "nats";
import { expect, test } from "vitest";
import { type AttachEvent, type ConnectionEvent, openSource } from "../src/index.js";

test("tells of connections and consumers to whoever listens", async () => {
  await using server = await startNatsServer();
  const admin = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  await (await admin.jetstreamManager()).streams.add({ name: "S", subjects: ["s"] });
  const states: string[] = [];
  const attached: AttachEvent[] = [];
  const onConnection = (event: unknown): void => void states.push((event as ConnectionEvent).state);
  const onAttach = (event: unknown): void => void attached.push(event as AttachEvent);
  subscribe("x:nats-connector:connection", onConnection);
  subscribe("x:nats-connector:attach", onAttach);
  const table = { servers: server.url, stream: "S", format: "raw_string", schema: defineSchema({ value: "TEXT" }) };
  const source = await openSource({ ...table, name: "told", checkpoints: memoryCheckpoints() });
  const reading = (async () => {
    for await (const batch of source.batches()) if (batch.rows.length > 0) return batch.rows[0];
    return undefined;
  })();
  await server.restart();
  await expect.poll(() => states).toContain("back");
  await admin.jetstream().publish("s", "hello", { headers: headers() });
  expect(await reading).toEqual({ value: "hello" });
  await source.close();
  unsubscribe("x:nats-connector:connection", onConnection);
  unsubscribe("x:nats-connector:attach", onAttach);
  expect(states.filter((state) => state !== "refused")).toEqual(["open", "lost", "back"]);
  expect(attached[0]).toMatchObject({ pipeline: "told", stream: "S", split: "0", startAfter: 0, rebuild: 0 });
  expect(attached.at(-1)?.rebuild).toBeGreaterThan(0);
  await admin.close();
});
