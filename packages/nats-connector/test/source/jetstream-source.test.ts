import { setTimeout as sleep } from "node:timers/promises";
import type { SourceSnapshot } from "@x/connector-api";
import { RetentionPolicy } from "nats";
import { describe, expect, test } from "vitest";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { createHost, type HostOptions, jobId, type SourceHost, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

const host = (table: Partial<JetStreamSourceTable> & { stream: string }, options: HostOptions = {}): SourceHost =>
  createHost(streamSource(fixture.server.url, table), options);

/** Reads until caught up and closes; the last checkpoint is completed when `checkpoint` is given. */
async function readAll(one: SourceHost, checkpoint?: number): Promise<SourceSnapshot | undefined> {
  await one.open();
  expect(await one.run()).toBe("final");
  const snapshot = checkpoint === undefined ? undefined : await one.checkpoint(checkpoint);
  await one.source.close();
  return snapshot;
}

const sequenceOf = (snapshot: SourceSnapshot | undefined): unknown => snapshot?.get("0")?.lastSeq;

describe("reading", () => {
  test("reads everything in order, ends when caught up and leaves no consumer", async () => {
    await fixture.fill("ALL", 5000);
    const one = host({ stream: "ALL" }, { untilCaughtUp: true });
    await readAll(one);
    expect(one.values()).toEqual(range(1, 5000));
    expect((await fixture.jsm.streams.info("ALL")).state.consumer_count).toBe(0);
  });

  test("goes on behind a checkpoint, to the message", async () => {
    await fixture.fill("RESUME", 3000);
    const identity = { jobId: jobId() };
    const first = host({ stream: "RESUME" }, { identity, capacity: 1000 });
    await first.open();
    const running = first.run();
    await first.until(1000);
    const restored = await first.checkpoint(1);
    first.stop.abort();
    expect(await running).toBe("immediate");
    await first.source.close();
    const at = Number(sequenceOf(restored));
    const second = host({ stream: "RESUME" }, { identity: { ...identity, epoch: 2 }, restored, untilCaughtUp: true });
    await readAll(second);
    expect(second.values()).toEqual(range(at + 1, 3000));
  });

  test("is caught up at once on an empty stream, and when the last messages are deleted", async () => {
    await fixture.fill("EMPTY", 0);
    await readAll(host({ stream: "EMPTY" }, { untilCaughtUp: true }));
    await fixture.fill("TAIL", 10);
    await fixture.jsm.streams.deleteMessage("TAIL", 10);
    await fixture.jsm.streams.deleteMessage("TAIL", 4);
    const one = host({ stream: "TAIL" }, { untilCaughtUp: true });
    const snapshot = await readAll(one, 1);
    expect(one.values()).toEqual([...range(1, 3), ...range(5, 9)]);
    expect(one.counters.gaps).toBe(0);
    await readAll(host({ stream: "TAIL" }, { untilCaughtUp: true, restored: snapshot, identity: { epoch: 2 } }));
  });

  test("a message larger than a pull is read as well, in its place", async () => {
    const large = "x".repeat(20_000);
    await fixture.fill("LARGE", 50);
    await fixture.client.jetstream().publish("LARGE.k0", large);
    await fixture.publish("LARGE", 52, 101);
    const one = host({ stream: "LARGE", maxBytes: 1024 }, { untilCaughtUp: true });
    await readAll(one);
    expect(one.values()).toEqual([...range(1, 50), large, ...range(52, 101)]);
    expect(one.counters.rebuilds).toBe(0);
  });

  test("drains: what was collected is handed on", async () => {
    await fixture.fill("DRAIN", 100);
    const one = host({ stream: "DRAIN" });
    await one.open();
    const running = one.run();
    await one.until(100);
    one.drain.abort();
    expect(await running).toBe("graceful");
    await one.source.close();
    expect(one.values()).toEqual(range(1, 100));
  });

  test("asks for no more than there is room", async () => {
    await fixture.fill("PRESSURE", 5000);
    const one = host({ stream: "PRESSURE", maxBatch: 100 }, { capacity: 1, untilCaughtUp: true });
    await one.open();
    const running = one.run();
    await one.until(1);
    await sleep(200);
    // Two pulls, and those asked for in the turn before downstream was found full.
    expect(one.values().length).toBeLessThanOrEqual(400);
    one.take(10_000);
    await running;
    expect(one.values()).toEqual(range(1, 5000));
    await one.source.close();
  });

  test("reads one subject, and several", async () => {
    await fixture.fill("FILTER", 30);
    const one = host({ stream: "FILTER", filterSubjects: ["FILTER.k1"] }, { untilCaughtUp: true });
    await readAll(one);
    expect(one.values()).toEqual(range(1, 30).filter((value) => Number(value) % 3 === 2));
    const two = host({ stream: "FILTER", filterSubjects: ["FILTER.k0", "FILTER.k1"] }, { untilCaughtUp: true });
    if (fixture.server.version.startsWith("2.9.")) {
      await expect(two.open()).rejects.toMatchObject({ code: "CAPABILITY_MISSING", exitCode: 2 });
      await two.source.close();
      return;
    }
    await readAll(two);
    expect(two.values()).toEqual(range(1, 30).filter((value) => Number(value) % 3 !== 0));
  });

  test("two jobs of one name, and two instances of one job, each read everything", async () => {
    await fixture.fill("TWICE", 2000);
    const shared = { pipeline: "job", jobId: jobId() };
    const all = [
      host({ stream: "TWICE" }, { identity: shared, untilCaughtUp: true }),
      host({ stream: "TWICE" }, { identity: { pipeline: "job" }, untilCaughtUp: true }),
      host({ stream: "TWICE" }, { identity: shared, untilCaughtUp: true }),
    ];
    await Promise.all(all.map((one) => one.open()));
    await Promise.all(all.map((one) => one.run()));
    for (const one of all) expect(one.values()).toEqual(range(1, 2000));
    await Promise.all(all.map((one) => one.source.close()));
  });

  test("goes on by itself when its consumer is deleted, after asking whether it is current", async () => {
    await fixture.fill("DELETED", 500);
    let asked = 0;
    const one = host({ stream: "DELETED" }, { assertCurrent: async () => void asked++ });
    await one.open();
    const running = one.run();
    await one.until(500);
    for await (const info of fixture.jsm.consumers.list("DELETED"))
      await fixture.jsm.consumers.delete("DELETED", info.name);
    await fixture.publish("DELETED", 501, 600);
    await one.until(600);
    expect(asked).toBeGreaterThan(0);
    expect(one.values()).toEqual(range(1, 600));
    one.drain.abort();
    await running;
    await one.source.close();
  });

  test("stops as fenced when its consumer is deleted by a newer incarnation", async () => {
    await fixture.fill("FENCED", 10);
    const identity = { jobId: jobId() };
    const old = host(
      { stream: "FENCED" },
      { identity, assertCurrent: () => Promise.reject(Object.assign(new Error("fenced"), { code: "FENCED" })) },
    );
    await old.open();
    const running = expect(old.run()).rejects.toMatchObject({ code: "FENCED" });
    await old.until(10);
    const next = host({ stream: "FENCED" }, { identity: { ...identity, epoch: 2 }, untilCaughtUp: true });
    await readAll(next);
    await running;
    await old.source.close();
  });
});

describe("the start is pinned by checkpoint 0", () => {
  const start = async (table: Partial<JetStreamSourceTable> & { stream: string }): Promise<SourceSnapshot> => {
    const one = host(table);
    await one.open();
    const snapshot = await one.checkpoint(0);
    await one.source.close();
    return snapshot;
  };

  test("new, last, by sequence and by time", async () => {
    await fixture.fill("START", 50);
    await sleep(20);
    const time = new Date().toISOString();
    await sleep(20);
    await fixture.publish("START", 51, 60);
    const stream = "START";
    expect(sequenceOf(await start({ stream }))).toBe("0");
    expect(sequenceOf(await start({ stream, deliver: { policy: "last" } }))).toBe("59");
    expect(sequenceOf(await start({ stream, deliver: { policy: "by_start_sequence", startSequence: 21 } }))).toBe("20");
    expect(sequenceOf(await start({ stream, deliver: { policy: "by_start_time", startTime: time } }))).toBe("50");
    const filtered = { stream, filterSubjects: ["START.k0"], deliver: { policy: "last" } } as const;
    expect(sequenceOf(await start({ ...filtered, filterSubjects: [...filtered.filterSubjects] }))).toBe("57");
    const restored = await start({ stream, deliver: { policy: "new" } });
    expect(sequenceOf(restored)).toBe("60");
    await fixture.publish("START", 61, 70);
    const table = { stream, deliver: { policy: "new" } } as const;
    const again = host(table, { restored, identity: { epoch: 2 }, untilCaughtUp: true });
    await readAll(again);
    expect(again.values()).toEqual(range(61, 70));
  });

  test("a start behind the end is refused", async () => {
    await fixture.fill("BEHIND", 5);
    const one = host({ stream: "BEHIND", deliver: { policy: "by_start_sequence", startSequence: 100 } });
    await expect(one.open()).rejects.toMatchObject({ code: "OPTION_INVALID" });
    await one.source.close();
  });
});

describe("nothing is lost silently", () => {
  const position = async (stream: string, count: number): Promise<SourceSnapshot | undefined> => {
    await fixture.fill(stream, count);
    return readAll(host({ stream }, { untilCaughtUp: true }), 1);
  };

  test("a gap before the next message is DATA_GAP with its range", async () => {
    const restored = await position("GAP", 10);
    await fixture.publish("GAP", 11, 30);
    await fixture.jsm.streams.purge("GAP", { seq: 21 });
    const one = host({ stream: "GAP" }, { restored, identity: { epoch: 2 } });
    await expect(one.open()).rejects.toMatchObject({ code: "DATA_GAP", exitCode: 4, context: { from: 11, to: 20 } });
    await one.source.close();
  });

  test("a gap under way is DATA_GAP, and nothing behind it was handed on", async () => {
    await fixture.fill("OVERRUN", 5000);
    const one = host({ stream: "OVERRUN", maxBatch: 10 }, { capacity: 5 });
    await one.open();
    const failed = expect(one.run()).rejects.toMatchObject({ code: "DATA_GAP", context: { to: 3999 } });
    await one.until(5);
    await sleep(50);
    await fixture.jsm.streams.purge("OVERRUN", { seq: 4000 });
    one.take(1e6);
    await failed;
    const values = one.values();
    expect(values).toEqual(range(1, values.length));
    await one.source.close();
  });

  test("interior deletes are no gap", async () => {
    await fixture.fill("HOLES", 300);
    for (let seq = 100; seq < 300; seq += 7) await fixture.jsm.streams.deleteMessage("HOLES", seq);
    const one = host({ stream: "HOLES" }, { untilCaughtUp: true });
    await readAll(one);
    expect(one.values()).toEqual(
      range(1, 300).filter((value) => Number(value) < 100 || (Number(value) - 100) % 7 !== 0),
    );
  });

  test("a recreated stream is refused, whether longer or shorter", async () => {
    const restored = await position("AGAIN", 10);
    await fixture.refill("AGAIN", 20);
    const longer = host({ stream: "AGAIN" }, { restored, identity: { epoch: 2 } });
    await expect(longer.open()).rejects.toMatchObject({ code: "STREAM_REPLACED", exitCode: 4 });
    await longer.source.close();
    await fixture.refill("AGAIN", 5);
    const shorter = host({ stream: "AGAIN" }, { restored, identity: { epoch: 2 } });
    await expect(shorter.open()).rejects.toMatchObject({ code: "STREAM_REGRESSED", exitCode: 4 });
    await shorter.source.close();
  });

  test("a missing stream is refused at once", { retry: 2 }, async () => {
    const one = host({ stream: "MISSING" });
    const begun = Date.now();
    await expect(one.open()).rejects.toMatchObject({ code: "STREAM_NOT_FOUND", exitCode: 2 });
    expect(Date.now() - begun).toBeLessThan(1000);
    await one.source.close();
  });
});

describe("streams that delete what was acked", () => {
  const left = async (stream: string): Promise<number> => (await fixture.jsm.streams.info(stream)).state.messages;

  for (const retention of [RetentionPolicy.Interest, RetentionPolicy.Workqueue]) {
    test(`${retention}: nothing is acked before its checkpoint is durable`, async () => {
      const stream = `ACK_${retention}`;
      await fixture.fill(stream, 0, { retention });
      const identity = { jobId: jobId() };
      const first = host({ stream }, { identity });
      await first.open();
      const restored0 = await first.checkpoint(0);
      await fixture.publish(stream, 1, 100);
      const running = first.run();
      await first.until(100);
      const restored = first.source.snapshot(1);
      await sleep(50);
      expect(await left(stream)).toBe(100);
      await fixture.publish(stream, 101, 150);
      await first.until(150);
      await first.source.checkpointCompleted(1);
      await expect.poll(() => left(stream)).toBe(50);
      first.stop.abort();
      await running;
      await first.source.close();
      expect(sequenceOf(restored0)).toBe("0");
      expect(sequenceOf(restored)).toBe("100");

      const second = host({ stream }, { identity: { ...identity, epoch: 2 }, restored, untilCaughtUp: true });
      await readAll(second, 2);
      expect(second.values()).toEqual(range(101, 150));
      await expect.poll(() => left(stream)).toBe(0);
      expect((await fixture.jsm.streams.info(stream)).state.consumer_count).toBe(1);
    });

    test(`${retention}: a deleted consumer brings nothing twice and loses nothing`, async () => {
      const stream = `LOST_${retention}`;
      await fixture.fill(stream, 0, { retention });
      const one = host({ stream });
      await one.open();
      const running = one.run();
      // Another interested consumer, so that an interest stream keeps what ours has not acked when ours is deleted.
      if (retention === RetentionPolicy.Interest) {
        await fixture.jsm.consumers.add(stream, { durable_name: "other", ack_policy: "explicit" as never });
      }
      await fixture.publish(stream, 1, 100);
      await one.until(100);
      await one.checkpoint(1);
      await fixture.publish(stream, 101, 200);
      await one.until(200);
      for await (const info of fixture.jsm.consumers.list(stream)) {
        if (info.name !== "other") await fixture.jsm.consumers.delete(stream, info.name);
      }
      await fixture.publish(stream, 201, 300);
      await one.until(300);
      expect(one.values()).toEqual(range(1, 300));
      await one.checkpoint(2);
      const unacked = async (): Promise<number[]> => {
        const ours = (await fixture.jsm.consumers.list(stream).next()).filter(({ name }) => name !== "other");
        return ours.map((info) => info.num_ack_pending);
      };
      await expect.poll(unacked).toEqual([0]);
      one.drain.abort();
      await running;
      await one.source.close();
    });
  }

  test("a mode that would lose data is refused", async () => {
    await fixture.fill("NOACK", 1, { retention: RetentionPolicy.Interest });
    const one = host({ stream: "NOACK", ackPolicy: "none" });
    await expect(one.open()).rejects.toMatchObject({ code: "CONSUMER_REFUSED", exitCode: 2 });
    await one.source.close();
  });
});
