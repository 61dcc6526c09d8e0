import { cpSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { SourceSnapshot } from "@x/connector-api";
import { startNatsServer } from "@x/nats-testkit";
import { connect, DiscardPolicy, type NatsConnection, nanos, type StreamConfig } from "nats";
import { describe, expect, test } from "vitest";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { createHost, type HostOptions, jobId, type SourceHost, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

type Table = Partial<JetStreamSourceTable> & { stream: string };
const host = (table: Table, options: HostOptions = {}): SourceHost =>
  createHost(streamSource(fixture.server.url, table), options);

/** Reads `count` messages of a new stream, and says where that is. */
async function readSome(stream: string, count: number, config: Partial<StreamConfig> = {}): Promise<SourceSnapshot> {
  await fixture.fill(stream, count, config);
  const one = host({ stream }, { untilCaughtUp: true });
  await one.open();
  await one.run();
  const snapshot = await one.checkpoint(1);
  await one.source.close();
  return snapshot;
}

/** The gaps that were told, without what does not matter here. */
const told = (one: SourceHost): object[] =>
  one.logged
    .filter(({ event }) => event === "gap")
    .map(({ reason, from, to, lost, policy }) => ({ reason, from, to, lost, policy }));

async function goOn(restored: SourceSnapshot, table: Table): Promise<SourceHost> {
  const one = host(table, { restored, identity: { epoch: 2 }, untilCaughtUp: true });
  await one.open();
  await one.run();
  return one;
}

const limits = { max_msgs: { max_msgs: 10 }, max_bytes: { max_bytes: 500 }, max_age: { max_age: nanos(6000) } };

describe("messages that went before they were read", () => {
  test.each(Object.entries(limits))("by %s: retention, with the exact range", async (limit, config) => {
    const stream = `RETAIN_${limit}`;
    const restored = await readSome(stream, 10, config);
    await fixture.publish(stream, 11, 40);
    if (limit === "max_age") {
      // All of the old ones, and the new ones stay for as long as the rest of this takes.
      await expect.poll(async () => (await fixture.jsm.streams.info(stream)).state.messages).toBe(0);
      await fixture.publish(stream, 41, 42);
    }
    const last = limit === "max_age" ? 42 : 40;
    await expect.poll(async () => (await fixture.jsm.streams.info(stream)).state.first_seq).toBeGreaterThan(11);
    const first = (await fixture.jsm.streams.info(stream)).state.first_seq;
    const gone = { reason: "retention", from: 11, to: first - 1, lost: first - 11 };

    const failing = host({ stream }, { restored, identity: { epoch: 2 } });
    await expect(failing.open()).rejects.toMatchObject({
      code: "DATA_GAP",
      exitCode: 4,
      context: gone,
      message: expect.stringContaining(limit),
    });
    expect((await fixture.jsm.streams.info(stream)).state.consumer_count).toBe(0);
    await failing.source.close();

    for (const onGap of ["skip", "earliest"] as const) {
      const one = await goOn(restored, { stream, onGap });
      expect(one.values()).toEqual(range(first, last));
      expect(told(one)).toEqual([{ ...gone, policy: onGap }]);
      expect(one.counters).toMatchObject({ gaps: 1, lostMessages: first - 11 });
      const state = one.source.snapshot(1).get("0");
      expect(state).toMatchObject({
        lastSeq: String(last),
        gaps: { count: 1, lost: String(first - 11), last: { reason: "retention", from: "11", to: String(first - 1) } },
      });
      await one.source.close();
    }

    const latest = await goOn(restored, { stream, onGap: "latest" });
    expect(latest.values()).toEqual([]);
    expect(told(latest)).toEqual([{ reason: "retention", from: 11, to: last, lost: last - 10, policy: "latest" }]);
    const after = latest.source.snapshot(1);
    expect(after.get("0")).toMatchObject({ lastSeq: String(last) });
    await latest.source.close();
    if (limit === "max_age") return;
    await fixture.publish(stream, last + 1, last + 3);
    const next = await goOn(after, { stream });
    expect(next.values()).toEqual(range(last + 1, last + 3));
    expect(next.counters.gaps).toBe(0);
    await next.source.close();
  });

  test("by a purge: told apart from retention, also where the stream has limits that were not reached", async () => {
    for (const [stream, config] of [
      ["PURGE", {}],
      ["PURGE_YOUNG", { max_age: nanos(3_600_000), max_msgs: 1000 }],
      // A full stream that refuses what is new has removed nothing.
      ["PURGE_FULL", { discard: DiscardPolicy.New, max_bytes: 1 << 20 }],
    ] as const) {
      const restored = await readSome(stream, 10, config);
      await fixture.publish(stream, 11, 30);
      await fixture.jsm.streams.purge(stream, { seq: 21 });
      const one = host({ stream }, { restored, identity: { epoch: 2 } });
      await expect(one.open()).rejects.toMatchObject({
        code: "DATA_GAP",
        context: { reason: "purge", from: 11, to: 20, lost: 10 },
      });
      await one.source.close();
      await fixture.jsm.streams.purge(stream);
      const skipping = await goOn(restored, { stream, onGap: "skip" });
      expect(told(skipping)).toEqual([{ reason: "purge", from: 11, to: 30, lost: 20, policy: "skip" }]);
      await skipping.source.close();
    }
  });

  test("one by one, inside of what is still there: no gap", async () => {
    const restored = await readSome("INSIDE", 10);
    await fixture.publish("INSIDE", 11, 20);
    for (const seq of [12, 13, 19]) await fixture.jsm.streams.deleteMessage("INSIDE", seq);
    const one = await goOn(restored, { stream: "INSIDE" });
    expect(one.values()).toEqual(["11", "14", "15", "16", "17", "18", "20"]);
    expect(one.counters).toMatchObject({ gaps: 0, lostMessages: 0 });
    await one.source.close();
  });
});

describe("messages that go under way", () => {
  /** A reader that has taken five of 5000 messages when everything before 4000 is purged. */
  async function overrun(stream: string, table: Partial<JetStreamSourceTable>): Promise<SourceHost> {
    await fixture.fill(stream, 5000);
    const one = host({ stream, maxBatch: 10, ...table }, { capacity: 5 });
    await one.open();
    return one;
  }

  test.each(["skip", "earliest"] as const)(
    "%s: every message there was is read, and the gap is exact",
    async (onGap) => {
      const stream = `OVERRUN_${onGap}`;
      const one = await overrun(stream, { onGap });
      const running = one.run();
      await one.until(5);
      await sleep(50);
      await fixture.jsm.streams.purge(stream, { seq: 4000 });
      one.take(1e6);
      await expect.poll(() => one.values().at(-1)).toBe("5000");
      const from = Number(told(one).map((gap) => (gap as { from: number }).from));
      expect(one.values()).toEqual([...range(1, from - 1), ...range(4000, 5000)]);
      expect(told(one)).toEqual([{ reason: "purge", from, to: 3999, lost: 4000 - from, policy: onGap }]);
      one.drain.abort();
      expect(await running).toBe("graceful");
      const restored = await one.checkpoint(1);
      await one.source.close();
      const next = await goOn(restored, { stream });
      expect([next.values(), next.counters.gaps]).toEqual([[], 0]);
      await next.source.close();
    },
  );

  test.each(["skip", "fail"] as const)("a part of a stream, %s: the gap is told", async (onGap) => {
    const stream = `PART_${onGap}`;
    const one = await overrun(stream, { filterSubjects: [`${stream}.k0`], onGap });
    const running = one.run();
    running.catch(() => {});
    await one.until(5);
    await sleep(50);
    await fixture.jsm.streams.purge(stream, { seq: 4000 });
    one.take(1e6);
    const k0 = (values: readonly string[]): string[] => values.filter((value) => Number(value) % 3 === 1);
    if (onGap === "fail") {
      await expect(running).rejects.toMatchObject({ code: "DATA_GAP", context: { reason: "purge", to: 3999 } });
      expect(one.values()).toEqual(k0(range(1, Number(one.values().at(-1)))));
      await one.source.close();
      return;
    }
    await expect.poll(() => one.values().at(-1)).toBe("4999");
    await expect.poll(() => told(one).length).toBe(1);
    const [gap] = told(one) as [{ from: number }];
    expect(told(one)).toEqual([{ reason: "purge", from: gap.from, to: 3999, lost: 4000 - gap.from, policy: onGap }]);
    expect(one.values()).toEqual(k0([...range(1, gap.from - 1), ...range(4000, 5000)]));
    one.drain.abort();
    await running;
    await one.source.close();
  });

  test("a part of a stream of which all is gone that was left: told without a message behind it", async () => {
    const one = await overrun("PART_all", { filterSubjects: ["PART_all.k0"], onGap: "skip" });
    const running = one.run();
    await one.until(5);
    await sleep(50);
    await fixture.jsm.streams.purge("PART_all");
    one.take(1e6);
    await expect.poll(() => told(one).length, { timeout: 20_000 }).toBe(1);
    expect(told(one)).toMatchObject([{ reason: "purge", to: 5000 }]);
    one.drain.abort();
    await running;
    await one.source.close();
  });

  test("what limits remove of others while a part of the stream is read as it comes is no gap", async () => {
    await fixture.fill("TINY", 0, { max_msgs: 5 });
    const one = host({ stream: "TINY", filterSubjects: ["TINY.k0"] });
    await one.open();
    const running = one.run();
    for (let at = 0; at < 10; at++) {
      // Twenty for others, then one for this reader.
      for (let i = 0; i < 20; i++) await fixture.client.jetstream().publish("TINY.k1", "other");
      await fixture.client.jetstream().publish("TINY.k0", String(at));
      await one.until(at + 1);
    }
    expect(one.values()).toEqual(range(0, 9));
    expect(one.counters.gaps).toBe(0);
    one.drain.abort();
    await running;
    await one.source.close();
  });

  test("latest: goes on behind the end as it is then", async () => {
    const one = await overrun("OVERRUN_latest", { onGap: "latest" });
    const running = one.run();
    await one.until(5);
    await sleep(50);
    await fixture.jsm.streams.purge("OVERRUN_latest", { seq: 4000 });
    one.take(1e6);
    await expect.poll(() => told(one).length).toBe(1);
    await expect.poll(async () => (await fixture.jsm.consumers.list("OVERRUN_latest").next()).length).toBe(1);
    await fixture.publish("OVERRUN_latest", 5001, 5003);
    await expect.poll(() => one.values().at(-1)).toBe("5003");
    const [gap] = told(one) as [{ from: number }];
    expect(gap).toMatchObject({ to: 5000 });
    expect(one.values()).toEqual([...range(1, gap.from - 1), ...range(5001, 5003)]);
    one.drain.abort();
    await running;
    expect(one.source.snapshot(1).get("0")).toMatchObject({ lastSeq: "5003" });
    await one.source.close();
  });

  test("fail: what was read before is handed on first", async () => {
    const requested: number[] = [];
    const one: SourceHost = createHost(streamSource(fixture.server.url, { stream: "OVERRUN_fail", maxBatch: 10 }), {
      capacity: 5,
      requestCheckpoint: async () => void requested.push(one.values().length),
    });
    await fixture.fill("OVERRUN_fail", 5000);
    await one.open();
    const failed = expect(one.run()).rejects.toMatchObject({
      code: "DATA_GAP",
      context: { reason: "purge", to: 3999 },
    });
    await one.until(5);
    await sleep(50);
    await fixture.jsm.streams.purge("OVERRUN_fail", { seq: 4000 });
    one.take(1e6);
    await failed;
    expect(one.values()).toEqual(range(1, one.values().length));
    expect(requested).toEqual([one.values().length]);
    await one.source.close();
  });

  test.each(["fail", "skip", "earliest", "latest"] as const)(
    "purged and made again while it is read: %s",
    async (onGap) => {
      const stream = `AGAIN_${onGap}`;
      await fixture.fill(stream, 500);
      const one = host({ stream, onGap });
      await one.open();
      const running = one.run();
      running.catch(() => {});
      await one.until(500);
      await fixture.jsm.streams.purge(stream);
      await fixture.refill(stream, 7);
      if (onGap === "fail") {
        await expect(running).rejects.toMatchObject({
          code: "STREAM_REGRESSED",
          exitCode: 4,
          context: { reason: "recreated" },
        });
        expect(one.values()).toEqual(range(1, 500));
        await one.source.close();
        return;
      }
      await expect.poll(() => told(one).length).toBe(1);
      const again = onGap === "latest" ? [] : range(1, 7);
      const passed =
        onGap === "latest" ? { from: 1, to: 7, lost: 7 } : { from: undefined, to: undefined, lost: undefined };
      expect(told(one)).toEqual([{ reason: "recreated", ...passed, policy: onGap }]);
      await expect.poll(async () => (await fixture.jsm.consumers.list(stream).next()).length).toBe(1);
      await fixture.publish(stream, 8, 10);
      await expect.poll(() => one.values().at(-1)).toBe("10");
      expect(one.values()).toEqual([...range(1, 500), ...again, ...range(8, 10)]);
      one.drain.abort();
      await running;
      // The state is of the new stream: a later start goes on there.
      const restored = await one.checkpoint(1);
      expect(restored.get("0")).toMatchObject({ lastSeq: "10", gaps: { count: 1 } });
      await one.source.close();
      await fixture.publish(stream, 11, 12);
      const next = await goOn(restored, { stream });
      expect([next.values(), next.counters.gaps]).toEqual([range(11, 12), 0]);
      await next.source.close();
    },
  );
});

describe("another stream than the one that was read", () => {
  test("made again: told with its reason, and the policy decides", async () => {
    for (const [count, code] of [
      [20, "STREAM_REPLACED"],
      [5, "STREAM_REGRESSED"],
    ] as const) {
      const stream = `ANOTHER_${count}`;
      const restored = await readSome(stream, 10);
      await fixture.refill(stream, count);
      const failing = host({ stream }, { restored, identity: { epoch: 2 } });
      await expect(failing.open()).rejects.toMatchObject({
        code,
        exitCode: 4,
        context: { reason: "recreated", stream },
      });
      await failing.source.close();
      for (const onGap of ["skip", "earliest"] as const) {
        const one = await goOn(restored, { stream, onGap });
        expect(one.values()).toEqual(range(1, count));
        expect(told(one)).toEqual([
          { reason: "recreated", from: undefined, to: undefined, lost: undefined, policy: onGap },
        ]);
        await one.source.close();
      }
    }
  });

  test("gone back to an older state: skip reads what was stored since, also when it was written over", async () => {
    await using server = await startNatsServer();
    const withClient = async (use: (client: NatsConnection) => Promise<unknown>): Promise<void> => {
      const client = await connect({ servers: server.url });
      await use(client);
      await client.close();
    };
    const publish = (from: number, to: number): Promise<void> =>
      withClient(async (client) => {
        for (const i of range(from, to)) await client.jetstream().publish("BACK.a", i);
      });
    await withClient(async (client) =>
      (await client.jetstreamManager()).streams.add({ name: "BACK", subjects: ["BACK.>"] }),
    );
    await publish(1, 10);
    await server.stop();
    cpSync(server.storeDir, `${server.storeDir}-old`, { recursive: true });
    await server.restart();
    await publish(11, 20);
    const read = async (table: Partial<JetStreamSourceTable>, restored?: SourceSnapshot) => {
      const one = createHost(streamSource(server.url, { stream: "BACK", ...table }), {
        identity: { jobId: jobId() },
        restored,
        untilCaughtUp: true,
      });
      await one.open();
      await one.run();
      const snapshot = one.source.snapshot(1);
      await one.source.close();
      return { values: one.values(), snapshot };
    };
    const { values, snapshot: restored } = await read({});
    expect(values).toEqual(range(1, 20));
    await server.stop();
    rmSync(server.storeDir, { recursive: true });
    cpSync(`${server.storeDir}-old`, server.storeDir, { recursive: true });
    await server.restart();

    await expect(read({}, restored)).rejects.toMatchObject({
      code: "STREAM_REGRESSED",
      context: { reason: "regressed" },
    });
    await publish(21, 25);
    expect((await read({ onGap: "skip" }, restored)).values).toEqual(range(21, 25));
    await publish(26, 40);
    await expect(read({}, restored)).rejects.toMatchObject({
      code: "STREAM_REGRESSED",
      context: { reason: "regressed" },
    });
    expect((await read({ onGap: "skip" }, restored)).values).toEqual(range(21, 40));
    expect((await read({ onGap: "earliest" }, restored)).values).toEqual([...range(1, 10), ...range(21, 40)]);
  });
});
