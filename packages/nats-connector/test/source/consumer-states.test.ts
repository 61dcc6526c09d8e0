import { RetentionPolicy } from "nats";
import { describe, expect, test } from "vitest";
import { consumerName } from "../../src/jetstream/consumer-name.js";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { createHost, type HostOptions, jobId, type SourceHost, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

type Table = Partial<JetStreamSourceTable> & { stream: string };
const host = (table: Table, options: HostOptions = {}): SourceHost =>
  createHost(streamSource(fixture.server.url, table), options);
const events = (one: SourceHost): unknown[] => one.logged.map(({ event }) => event).filter(Boolean);

describe("what happens to a consumer is told as what it is", () => {
  test("paused by an administrator: not caught up, not stalled, and told", async () => {
    if (/^2\.(9|10)\./.test(fixture.server.version)) return;
    await fixture.fill("PAUSED", 10);
    const one = host({ stream: "PAUSED" });
    await one.open();
    const running = one.run();
    await one.until(10);
    const [info] = await fixture.jsm.consumers.list("PAUSED").next();
    await fixture.jsm.consumers.pause("PAUSED", info?.name ?? "", new Date(Date.now() + 3_600_000));
    await fixture.publish("PAUSED", 11, 20);
    await expect.poll(() => events(one), { timeout: 20_000 }).toContain("paused");
    expect(one.counters.lag).toBe(10);
    expect(one.values().length).toBe(10);
    await fixture.jsm.consumers.resume("PAUSED", info?.name ?? "");
    await one.until(20);
    expect(events(one)).not.toContain("rebuild");
    one.drain.abort();
    await running;
    await one.source.close();
  });

  test("two pipelines on one work queue are a configuration error, and the second one makes nothing", async () => {
    await fixture.fill("QUEUE", 5, { retention: RetentionPolicy.Workqueue });
    const one = host({ stream: "QUEUE" });
    await one.open();
    const two = host({ stream: "QUEUE" });
    await expect(two.open()).rejects.toMatchObject({
      code: "CONSUMER_REFUSED",
      exitCode: 2,
      message: expect.stringContaining("one pipeline"),
    });
    await two.source.close();
    expect((await fixture.jsm.streams.info("QUEUE")).state.consumer_count).toBe(1);
    await one.source.close();
  });

  test("a purge of a work queue is a gap as on any other stream", async () => {
    await fixture.fill("WQGAP", 20, { retention: RetentionPolicy.Workqueue });
    const identity = { jobId: jobId() };
    const one = host({ stream: "WQGAP" }, { identity, capacity: 5 });
    await one.open();
    const restored = await one.checkpoint(0);
    await one.source.close();
    await fixture.jsm.streams.purge("WQGAP", { seq: 11 });
    const next = host({ stream: "WQGAP" }, { identity: { ...identity, epoch: 2 }, restored });
    await expect(next.open()).rejects.toMatchObject({
      code: "DATA_GAP",
      context: { reason: "purge", from: 1, to: 10 },
    });
    await next.source.close();
  });
});

test("leftovers of dead incarnations go at the next start, and nobody else's", async () => {
  await fixture.fill("LEFT", 10);
  const mine = jobId();
  const add = (name: string) =>
    fixture.jsm.consumers.add("LEFT", { name, durable_name: name, ack_policy: "none" as never });
  const me = { pipeline: "test", jobId: mine, epoch: 3, instanceId: "me" };
  const dead = [1, 2].map((epoch) => consumerName({ ...me, epoch, instanceId: `dead${epoch}` }, "0", epoch - 1));
  const others = [
    consumerName({ ...me, epoch: 9, instanceId: "newer" }, "0", 0),
    consumerName({ ...me, jobId: jobId(), epoch: 1 }, "0", 0),
    consumerName({ ...me, epoch: 1 }, "1", 0),
    `${mine}-0-e1`,
    "billing",
  ];
  for (const name of [...dead, ...others]) await add(name);
  const one = host({ stream: "LEFT" }, { identity: me, untilCaughtUp: true });
  await one.open();
  await one.run();
  expect(one.values()).toEqual(range(1, 10));
  await one.source.close();
  const left = (await fixture.jsm.consumers.list("LEFT").next()).map(({ name }) => name);
  expect(left.sort()).toEqual([...others].sort());
});

test("a limit on unacked messages never stops delivery: a checkpoint is asked for before it", async () => {
  // Servers before 2.10 know no such limit.
  if (fixture.server.version.startsWith("2.9.")) return;
  await fixture.fill("CAP", 0, {
    retention: RetentionPolicy.Interest,
    consumer_limits: { max_ack_pending: 50, inactive_threshold: 0 },
  });
  let id = 0;
  const one: SourceHost = createHost(streamSource(fixture.server.url, { stream: "CAP", maxBatch: 20 }), {
    // As hosts do: what was collected is handed on first.
    requestCheckpoint: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      await one.checkpoint(++id);
    },
  });
  await one.open();
  const running = one.run();
  await fixture.publish("CAP", 1, 1000);
  await one.until(1000);
  expect(one.values()).toEqual(range(1, 1000));
  expect(id).toBeGreaterThanOrEqual(20);
  one.drain.abort();
  await running;
  await one.source.close();
});

test("replay_policy = 'original' keeps the pace in which messages were stored", async () => {
  await fixture.fill("PACE", 1);
  await new Promise((resolve) => setTimeout(resolve, 700));
  await fixture.publish("PACE", 2, 2);
  const one = host({ stream: "PACE", replayPolicy: "original" }, { untilCaughtUp: true });
  await one.open();
  const begun = performance.now();
  await one.run();
  expect(one.values()).toEqual(["1", "2"]);
  expect(performance.now() - begun).toBeGreaterThan(500);
  await one.source.close();
});

test("reads a mirror and a sourced stream, and goes on behind a checkpoint of them", async () => {
  await fixture.fill("ORIGIN", 50);
  await fixture.jsm.streams.add({ name: "MIRROR", mirror: { name: "ORIGIN" } });
  await fixture.jsm.streams.add({ name: "SOURCED", sources: [{ name: "ORIGIN" }] });
  for (const stream of ["MIRROR", "SOURCED"]) {
    const count = async (): Promise<number> => (await fixture.jsm.streams.info(stream)).state.messages;
    const before = await count();
    await expect.poll(count, { timeout: 20_000 }).toBeGreaterThanOrEqual(Math.max(50, before));
    const held = await count();
    const identity = { jobId: jobId() };
    const one = host({ stream }, { identity, untilCaughtUp: true });
    await one.open();
    await one.run();
    expect(one.values()).toEqual(range(1, held));
    const restored = await one.checkpoint(1);
    await one.source.close();
    await fixture.publish("ORIGIN", held + 1, held + 10);
    await expect.poll(count, { timeout: 20_000 }).toBe(held + 10);
    const next = host({ stream }, { identity: { ...identity, epoch: 2 }, restored, untilCaughtUp: true });
    await next.open();
    await next.run();
    expect(next.values()).toEqual(range(held + 1, held + 10));
    await next.source.close();
  }
});

test("limits become interest under a running source: told, and read with acks from there on", async () => {
  // Servers before 2.10 refuse the change.
  if (fixture.server.version.startsWith("2.9.")) return;
  await fixture.fill("BECOMES", 10);
  const identity = { jobId: jobId() };
  const one = host({ stream: "BECOMES" }, { identity });
  await one.open();
  const restored = await one.checkpoint(0);
  const running = one.run();
  await one.until(10);
  const { config } = await fixture.jsm.streams.info("BECOMES");
  const changed = { ...config, retention: RetentionPolicy.Interest };
  await fixture.jsm.streams.update("BECOMES", changed);
  const state = async () => (await fixture.jsm.streams.info("BECOMES")).state;
  // The change has removed what was delivered. A process that dies now has a gap, which the next one tells.
  expect(await state()).toMatchObject({ messages: 0, first_seq: 11 });
  const next = host({ stream: "BECOMES" }, { identity: { ...identity, epoch: 2 }, restored });
  await expect(next.open()).rejects.toMatchObject({ code: "DATA_GAP", context: { from: 1, to: 10 } });
  await next.source.close();

  await expect
    .poll(async () => {
      await one.checkpoint(1);
      return events(one);
    })
    .toContain("retention-changed");
  const policies = async () =>
    (await fixture.jsm.consumers.list("BECOMES").next()).map((info) => info.config.ack_policy);
  await expect.poll(policies).toEqual(["all"]);
  await fixture.publish("BECOMES", 11, 20);
  await one.until(20);
  expect(one.values()).toEqual(range(1, 20));
  expect(one.counters.gaps).toBe(0);
  expect(await state()).toMatchObject({ messages: 10 });
  await one.checkpoint(2);
  await expect.poll(async () => (await state()).messages).toBe(0);
  one.drain.abort();
  await running;
  await one.source.close();
});
