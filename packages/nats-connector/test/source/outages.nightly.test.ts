import { randomUUID } from "node:crypto";
import { type NatsCluster, startNatsCluster } from "@x/nats-testkit";
import { connect, type JetStreamManager, type NatsConnection, RetentionPolicy } from "nats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHost, type SourceHost, streamSource } from "./source-host.js";
import { range } from "./stream-fixture.js";

let cluster: NatsCluster;
let client: NatsConnection;
let jsm: JetStreamManager;

beforeAll(async () => {
  cluster = await startNatsCluster();
  client = await connect({ servers: [...cluster.urls], maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  jsm = await client.jetstreamManager();
}, 120_000);

afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

async function addStream(retention: RetentionPolicy): Promise<string> {
  const name = `C${randomUUID().slice(0, 8)}`;
  await jsm.streams.add({ name, subjects: [`${name}.>`], num_replicas: 3, retention });
  return name;
}

/** Until the server has it: elections make it wait. Its id keeps a retry from storing it twice. */
async function publish(stream: string, from: number, to: number): Promise<void> {
  for (const value of range(from, to)) {
    for (;;) {
      try {
        await client.jetstream().publish(`${stream}.a`, value, { msgID: value, timeout: 1000 });
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}

const host = (stream: string): SourceHost => createHost(streamSource(cluster.urls.join(","), { stream, maxBatch: 50 }));
const events = (one: SourceHost): unknown[] => one.logged.map(({ event }) => event).filter(Boolean);

test("the leader is killed: every message once, in order, by itself", async () => {
  for (const retention of [RetentionPolicy.Limits, RetentionPolicy.Interest]) {
    const stream = await addStream(retention);
    const one = host(stream);
    await one.open();
    const running = one.run();
    await publish(stream, 1, 100);
    await one.until(100);
    const leader = await cluster.leaderOf(stream);
    await leader.kill("SIGKILL");
    await publish(stream, 101, 200);
    await one.until(200, 60_000);
    await leader.restart();
    await publish(stream, 201, 300);
    await one.until(300, 60_000);
    expect(one.values()).toEqual(range(1, 300));
    expect(one.counters.gaps).toBe(0);
    one.drain.abort();
    await running;
    await one.source.close();
    await cluster.whenCurrent();
  }
}, 180_000);

test("a stream deleted under a running source ends it, by name and with where it was", async () => {
  const stream = await addStream(RetentionPolicy.Limits);
  await publish(stream, 1, 10);
  const one = host(stream);
  await one.open();
  const running = one.run();
  running.catch(() => {});
  await one.until(10);
  await jsm.streams.delete(stream);
  await expect(running).rejects.toMatchObject({
    code: "STREAM_NOT_FOUND",
    message: expect.stringContaining(`"${stream}" was deleted while it was read, up to 10`),
  });
  expect(events(one)).toContain("rebuild");
  await one.source.close();
}, 60_000);
