import { randomUUID } from "node:crypto";
import { type NatsCluster, startNatsCluster } from "@x/nats-testkit";
import { connect, type JetStreamManager, type NatsConnection, RetentionPolicy } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHost, type HostOptions, jobId, type SourceHost, streamSource } from "./source-host.js";
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

const host = (stream: string, options: HostOptions = {}): SourceHost =>
  createHost(streamSource(cluster.urls.join(","), { stream, maxBatch: 50 }), options);
const events = (one: SourceHost): unknown[] => one.logged.map(({ event }) => event).filter(Boolean);

describe("three nodes, three replicas", () => {
  test.each([RetentionPolicy.Interest, RetentionPolicy.Workqueue])(
    "%s: handed over from one incarnation to the next without a loss",
    async (retention) => {
      const stream = await addStream(retention);
      const identity = { jobId: jobId() };
      let restored: HostOptions["restored"];
      const seen: string[] = [];
      for (let epoch = 1; epoch <= 3; epoch++) {
        const one = host(stream, { identity: { ...identity, epoch }, restored });
        await one.open();
        if (epoch === 1) restored = await one.checkpoint(0);
        const running = one.run();
        const count = epoch * 100;
        await publish(stream, count - 99, count);
        await one.until(epoch === 1 ? 50 : 100);
        restored = await one.checkpoint(epoch);
        const upTo = Number(restored.get("0")?.lastSeq);
        seen.push(...one.values().filter((value) => Number(value) <= upTo));
        // As `kill -9`: what was read behind the checkpoint comes again.
        one.stop.abort();
        await running;
        await one.source.close();
      }
      const last = host(stream, { identity: { ...identity, epoch: 4 }, restored, untilCaughtUp: true });
      await last.open();
      await last.run();
      expect([...seen, ...last.values()]).toEqual(range(1, 300));
      await last.checkpoint(9);
      await expect.poll(async () => (await jsm.streams.info(stream)).state.messages, { timeout: 20_000 }).toBe(0);
      expect((await jsm.streams.info(stream)).state.consumer_count).toBe(1);
      await last.source.close();
    },
    90_000,
  );

  test("the consumer's leader steps down: reading goes on with the same consumer, without waiting for silence", async () => {
    const stream = await addStream(RetentionPolicy.Interest);
    const one = host(stream);
    await one.open();
    const running = one.run();
    await publish(stream, 1, 100);
    await one.until(100);
    const [info] = await jsm.consumers.list(stream).next();
    for (let round = 1; round <= 2; round++) {
      await cluster.stepDown(stream, info?.name);
      await publish(stream, round * 100 + 1, round * 100 + 100);
      await one.until(round * 100 + 100);
    }
    expect(one.values()).toEqual(range(1, 300));
    // The server's word for it was enough: no silence had to pass, no consumer was made anew.
    expect(events(one)).toContain("leader-moved");
    expect(events(one)).not.toContain("rebuild");
    expect((await jsm.consumers.list(stream).next()).map(({ name }) => name)).toEqual([info?.name]);
    one.drain.abort();
    await running;
    await one.source.close();
  }, 90_000);
});
