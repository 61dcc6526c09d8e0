import type { SourceSnapshot } from "@x/connector-api";
import { RetentionPolicy, type StreamConfig } from "nats";
import { describe, expect, test } from "vitest";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { createHost, type HostOptions, type SourceHost, sharedSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

type Table = Partial<JetStreamSourceTable> & { stream: string };
const host = (table: Table, options: HostOptions = {}): SourceHost =>
  createHost(sharedSource(fixture.server.url, table), { ...options, identity: { pipeline: table.stream } });

const told = (one: SourceHost): object[] =>
  one.logged
    .filter(({ event }) => event === "gap")
    .map(({ reason, from, to, lost, policy }) => ({ reason, from, to, lost, policy }));
const sorted = (values: readonly string[]): string[] => [...values].sort((a, b) => Number(a) - Number(b));
const stateOf = async (stream: string) => (await fixture.jsm.streams.info(stream)).state;

/** A process that reads and acks everything there is, and stops. Returns its state of before, which is old by then. */
async function readAll(table: Table, options: HostOptions = {}): Promise<{ one: SourceHost; old: SourceSnapshot }> {
  const one = host(table, { ...options, untilCaughtUp: true });
  await one.open();
  const old = one.source.snapshot(0);
  await one.run();
  await one.checkpoint(1);
  await one.source.close();
  return { one, old };
}

/** A stream of which ten messages were read and acked, and the state of the process that did so. */
async function readTen(stream: string, config: Partial<StreamConfig> = {}): Promise<SourceSnapshot> {
  await fixture.fill(stream, 0, config);
  const one = host({ stream });
  await one.open();
  const running = one.run();
  await fixture.publish(stream, 1, 10);
  await one.until(10);
  const snapshot = await one.checkpoint(1);
  one.drain.abort();
  await running;
  await one.source.close();
  return snapshot;
}

describe("messages that go before anybody has read them", () => {
  test("what others have acked and retention removed then is no gap to a process with an old state", async () => {
    await fixture.fill("OLD", 10, { max_msgs: 20 });
    const { old } = await readAll({ stream: "OLD" });
    await fixture.publish("OLD", 11, 30);
    await readAll({ stream: "OLD" });
    await fixture.publish("OLD", 31, 45);
    expect((await stateOf("OLD")).first_seq).toBe(26);
    const { one } = await readAll({ stream: "OLD" }, { restored: old });
    expect(sorted(one.values())).toEqual(range(31, 45));
    expect(one.counters).toMatchObject({ gaps: 0, lostMessages: 0 });
  });

  test.each(["known", "new"])(
    "by retention, while nobody reads: told to a %s process, exactly and once",
    async (who) => {
      // There the consumer moves by itself, for the pull of the process that has gone: only who was here knows then.
      if (who === "new" && /^2\.(9|10)\./.test(fixture.server.version)) return;
      const stream = `UNREAD_${who}`;
      const known = await readTen(stream, { max_msgs: 20 });
      await fixture.publish(stream, 11, 50);
      const restored = who === "known" ? known : undefined;
      const failing = host({ stream }, { restored });
      const gone = { reason: "retention", from: 11, to: 30, lost: 20 };
      await expect(failing.open()).rejects.toMatchObject({ code: "DATA_GAP", exitCode: 4, context: gone });
      await failing.source.close();
      const skipping = host({ stream, onGap: "skip" }, { restored, untilCaughtUp: true });
      await skipping.open();
      const reading = skipping.run();
      await reading;
      expect(sorted(skipping.values())).toEqual(range(31, 50));
      expect(told(skipping)).toEqual([{ ...gone, policy: "skip" }]);
      expect(skipping.counters).toMatchObject({ gaps: 1, lostMessages: 20 });
      const after = await skipping.checkpoint(1);
      await skipping.source.close();
      const { one } = await readAll({ stream }, { restored: after });
      expect([one.values(), one.counters.gaps]).toEqual([[], 0]);
    },
  );

  test.each([RetentionPolicy.Limits, RetentionPolicy.Interest, RetentionPolicy.Workqueue])(
    "by a purge of a %s stream: told, although the server moves the consumer over it",
    async (retention) => {
      const stream = `PURGED_${retention}`;
      const restored = await readTen(stream, { retention });
      await fixture.publish(stream, 11, 20);
      await fixture.jsm.streams.purge(stream, { seq: 16 });
      const gone = { reason: "purge", from: 11, to: 15, lost: 5 };
      const failing = host({ stream }, { restored });
      await expect(failing.open()).rejects.toMatchObject({ code: "DATA_GAP", context: gone });
      await failing.source.close();
      const { one } = await readAll({ stream, onGap: "earliest" }, { restored });
      expect(sorted(one.values())).toEqual(range(16, 20));
      expect(told(one)).toEqual([{ ...gone, policy: "earliest" }]);
    },
  );

  test("a purge of what others have read by then is none", async () => {
    const restored = await readTen("READ");
    await fixture.publish("READ", 11, 20);
    await readAll({ stream: "READ" });
    await fixture.jsm.streams.purge("READ");
    const { one } = await readAll({ stream: "READ" }, { restored });
    expect(one.counters.gaps).toBe(0);
  });
});

test.each([RetentionPolicy.Interest, RetentionPolicy.Workqueue])(
  "%s: a consumer that is deleted under way leaves no gap where acks have removed messages since the last look",
  async (retention) => {
    const stream = `DELETED_${retention}`;
    await fixture.fill(stream, 0, { retention });
    const one = host({ stream });
    await one.open();
    const running = one.run();
    for (const [id, last] of [
      [1, 10],
      [2, 50],
    ] as const) {
      await fixture.publish(stream, one.values().length + 1, last);
      await one.until(last);
      await one.checkpoint(id);
      await expect.poll(async () => (await stateOf(stream)).messages).toBe(0);
    }
    // Old servers may answer with an error of their file system, and have removed it all the same: see what follows.
    await fixture.jsm.consumers.delete(stream, `${stream}-shared`).catch(() => {});
    await expect.poll(() => one.counters.rebuilds, { timeout: 20_000 }).toBe(1);
    await expect.poll(async () => (await stateOf(stream)).consumer_count).toBe(1);
    await fixture.publish(stream, 51, 60);
    await one.until(60);
    expect([sorted(one.values()), one.counters.gaps]).toEqual([range(1, 60), 0]);
    one.drain.abort();
    await running;
    await one.source.close();
  },
);

describe("messages that go under way", () => {
  /** A reader that has five of a thousand messages when everything before 900 is purged. */
  async function overrun(stream: string, onGap: JetStreamSourceTable["onGap"]): Promise<SourceHost> {
    await fixture.fill(stream, 1000);
    const one = host({ stream, onGap, maxBatch: 10 }, { capacity: 5 });
    await one.open();
    return one;
  }

  test("skip: the gap is exact, and counted once", async () => {
    const one = await overrun("OVERRUN", "skip");
    const running = one.run();
    await one.until(5);
    await fixture.jsm.streams.purge("OVERRUN", { seq: 900 });
    one.take(1e6);
    await expect.poll(() => one.values().at(-1)).toBe("1000");
    await expect.poll(() => told(one).length).toBe(1);
    const from = one.values().length - 101 + 1;
    expect(one.values()).toEqual([...range(1, from - 1), ...range(900, 1000)]);
    expect(told(one)).toEqual([{ reason: "purge", from, to: 899, lost: 900 - from, policy: "skip" }]);
    one.drain.abort();
    await running;
    await one.source.close();
  });

  test("fail: with the range", async () => {
    const one = await overrun("OVERRUN_FAIL", "fail");
    const failed = expect(one.run()).rejects.toMatchObject({ code: "DATA_GAP", context: { reason: "purge", to: 899 } });
    await one.until(5);
    await fixture.jsm.streams.purge("OVERRUN_FAIL", { seq: 900 });
    one.take(1e6);
    await failed;
    await one.source.close();
  });

  test("several processes, one of which dies: no gap where there is none, nor for what is deleted one by one", async () => {
    await fixture.fill("SEVERAL", 600);
    for (const seq of [100, 300, 301]) await fixture.jsm.streams.deleteMessage("SEVERAL", seq);
    const all = [1, 2, 3].map(() => host({ stream: "SEVERAL", maxBatch: 20, ackWaitMs: 1000 }, { capacity: 50 }));
    for (const one of all) await one.open();
    const running = all.map((one) => one.run());
    for (const one of all) await one.until(50);
    const [dying, ...left] = all as [SourceHost, ...SourceHost[]];
    dying.stop.abort();
    for (const one of left) one.take(1e6);
    const acking = setInterval(() => void Promise.all(left.map((one) => one.checkpoint(1))).catch(() => {}), 100);
    const values = () => new Set(left.flatMap((one) => one.values()));
    await expect.poll(() => values().size, { timeout: 20_000 }).toBe(597);
    clearInterval(acking);
    expect(left.map(({ counters }) => counters.gaps)).toEqual([0, 0]);
    for (const one of all) one.drain.abort();
    await Promise.all(running);
    await Promise.all(all.map((one) => one.source.close()));
  });
});

test("a filter that matches nothing for long makes no gap of what retention removes meanwhile", async () => {
  await fixture.fill("FILTERED", 10, { max_msgs: 20 });
  const table = { stream: "FILTERED", filterSubjects: ["FILTERED.rare"] };
  const one = host(table);
  await one.open();
  const running = one.run();
  // What it learns at one checkpoint is in the next.
  await one.checkpoint(1);
  const state = await one.checkpoint(2);
  one.drain.abort();
  await running;
  await one.source.close();
  await fixture.publish("FILTERED", 11, 30);
  const { one: next } = await readAll(table, { restored: state });
  expect(next.counters.gaps).toBe(0);
  await fixture.publish("FILTERED", 31, 60);
  const failing = host(table, { restored: state });
  await expect(failing.open()).rejects.toMatchObject({ code: "DATA_GAP", context: { to: 40 } });
  await failing.source.close();
});
