import { setTimeout as sleep } from "node:timers/promises";
import { startFaultProxy } from "@x/nats-testkit";
import { RetentionPolicy } from "nats";
import { describe, expect, test } from "vitest";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { createHost, type HostOptions, type SourceHost, sharedSource, streamSource } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

type Table = Partial<JetStreamSourceTable> & { stream: string };
const host = (table: Table, options: HostOptions = {}, url = fixture.server.url): SourceHost =>
  createHost(sharedSource(url, table), { ...options, identity: { pipeline: table.stream, ...options.identity } });

const sorted = (values: readonly string[]): string[] => [...values].sort((a, b) => Number(a) - Number(b));
const consumerOf = async (stream: string) => fixture.jsm.consumers.info(stream, `${stream}-shared`);

describe("ordering = 'none'", () => {
  test("processes with a state of their own share the messages: each to one of them, acked behind its checkpoint", async () => {
    await fixture.fill("SHARE", 2000);
    const all = [1, 2, 3].map(() => host({ stream: "SHARE", maxBatch: 20 }, { capacity: 100 }));
    await Promise.all(all.map((one) => one.open()));
    const running = all.map((one) => one.run());
    await Promise.all(all.map((one) => one.until(100)));
    expect(await consumerOf("SHARE")).toMatchObject({ ack_floor: { stream_seq: 0 }, num_redelivered: 0 });
    for (const one of all) one.take(2000);
    await expect.poll(() => all.reduce((sum, one) => sum + one.values().length, 0)).toBe(2000);
    expect(sorted(all.flatMap((one) => one.values()))).toEqual(range(1, 2000));
    await Promise.all(all.map((one) => one.checkpoint(1)));
    await expect.poll(() => consumerOf("SHARE")).toMatchObject({ ack_floor: { stream_seq: 2000 }, num_ack_pending: 0 });
    for (const one of all) one.drain.abort();
    expect(await Promise.all(running)).toEqual(["graceful", "graceful", "graceful"]);
    await Promise.all(all.map((one) => one.source.close()));
  });

  test.each([RetentionPolicy.Interest, RetentionPolicy.Workqueue, RetentionPolicy.Limits])(
    "%s: what a process that dies has not acked goes to another one",
    async (retention) => {
      const stream = `DEATH_${retention}`;
      await fixture.fill(stream, 0, { retention });
      const dead = host({ stream, ackWaitMs: 1000 }, { capacity: 60 });
      await dead.open();
      await fixture.publish(stream, 1, 100);
      const dying = dead.run();
      await dead.until(60);
      await dead.checkpoint(1);
      const checkpointed = dead.values();
      dead.take(1000);
      await dead.until(100);
      dead.stop.abort();
      await dying;
      await dead.source.close();

      const next = host({ stream, ackWaitMs: 1000 }, { untilCaughtUp: true });
      await next.open();
      expect(await next.run()).toBe("final");
      // At least once: whoever stands still for longer than ack_wait gets a message again.
      expect(sorted([...new Set([...checkpointed, ...next.values()])])).toEqual(range(1, 100));
      await next.checkpoint(1);
      await next.source.close();
      if (retention === RetentionPolicy.Limits) return;
      await expect.poll(async () => (await fixture.jsm.streams.info(stream)).state.messages).toBe(0);
    },
  );

  test("a slow sink does not bring messages twice: they are marked as in progress", async () => {
    await fixture.fill("SLOW", 50);
    const one = host({ stream: "SLOW", ackWaitMs: 1500 });
    await one.open();
    const running = one.run();
    await one.until(50);
    await sleep(4000);
    // Unmarked, each would have come three times by now; a machine that stands still for a second may cost one round.
    expect(one.values().length).toBeLessThanOrEqual(100);
    expect(sorted([...new Set(one.values())])).toEqual(range(1, 50));
    expect(await consumerOf("SLOW")).toMatchObject({ num_ack_pending: 50 });
    await one.checkpoint(1);
    one.drain.abort();
    await running;
    await one.source.close();
  });

  test("goes on after cut connections: nothing is lost, what was on its way comes again", async () => {
    await fixture.fill("CUT", 3000);
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const one = host(
      { stream: "CUT", ackWaitMs: 1000, maxBatch: 200 },
      { capacity: 300, untilCaughtUp: true },
      proxy.url,
    );
    await one.open();
    const running = one.run();
    for (let at = 300; at < 1500; at += 300) {
      await one.until(at);
      one.take(300);
      await sleep(2);
      proxy.cut();
    }
    one.take(10_000);
    const acking = setInterval(() => void one.checkpoint(1).catch(() => {}), 100);
    expect(await running).toBe("final");
    clearInterval(acking);
    expect(sorted([...new Set(one.values())])).toEqual(range(1, 3000));
    await one.source.close();
  });

  test("pulling anew, it forgets what waited before", async () => {
    await fixture.fill("WAITS", 1000);
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const one = host({ stream: "WAITS", maxBatch: 100, ackWaitMs: 3000 }, { capacity: 300 }, proxy.url);
    await one.open();
    const running = one.run();
    await one.until(300);
    expect(one.counters.lag).toBeGreaterThan(0);
    proxy.cut();
    one.take(10_000);
    await one.until(1000);
    await expect.poll(() => one.counters.lag, { timeout: 20_000 }).toBe(0);
    one.drain.abort();
    expect(await running).toBe("graceful");
    await one.source.close();
  });

  test("a deleted consumer is made again behind what all had acked", async () => {
    await fixture.fill("VANISH", 300);
    const one = host({ stream: "VANISH" }, { capacity: 200 });
    await one.open();
    const running = one.run();
    await one.until(200);
    const restored = await one.checkpoint(1);
    expect(restored.get("0")).toMatchObject({ v: 2, ordering: "none", floor: "0" });
    await expect.poll(async () => (await consumerOf("VANISH")).ack_floor.stream_seq).toBeGreaterThan(0);
    one.stop.abort();
    await running;
    await one.source.close();

    const again = host({ stream: "VANISH" }, { restored, capacity: 250 });
    await again.open();
    const floor = Number((await again.checkpoint(0)).get("0")?.floor);
    expect(floor).toBeGreaterThan(0);
    const reading = again.run();
    await fixture.jsm.consumers.delete("VANISH", "VANISH-shared");
    await fixture.publish("VANISH", 301, 320);
    again.take(1000);
    await expect.poll(() => new Set(again.values()).has("320")).toBe(true);
    // At least once: everything behind the floor; maybe more, because a busy server may find the old consumer's state.
    expect(again.values()).toEqual(expect.arrayContaining(range(floor + 1, 320)));
    expect(again.counters.gaps).toBe(0);
    again.drain.abort();
    await reading;
    await again.source.close();
  });

  test.each([RetentionPolicy.Interest, RetentionPolicy.Workqueue])(
    "%s: what was acked after the state was written is gone from the stream, and no gap",
    async (retention) => {
      const stream = `AGAIN_${retention}`;
      await fixture.fill(stream, 0, { retention });
      const one = host({ stream });
      await one.open();
      await fixture.publish(stream, 1, 50);
      const reading = one.run();
      await one.until(50);
      const restored = await one.checkpoint(1);
      expect(restored.get("0")).toMatchObject({ floor: "0" });
      await expect.poll(async () => (await fixture.jsm.streams.info(stream)).state.first_seq).toBe(51);
      one.drain.abort();
      await reading;
      await one.source.close();

      const again = host({ stream }, { restored });
      await again.open();
      const readingOn = again.run();
      await fixture.publish(stream, 51, 60);
      await again.until(10);
      expect(sorted(again.values())).toEqual(range(51, 60));
      expect(again.counters.gaps).toBe(0);
      again.drain.abort();
      await readingOn;
      await again.source.close();
    },
  );

  test("a message that the server gives up is a counted gap with its sequence", async () => {
    await fixture.fill("GIVEUP", 3);
    const one = host({ stream: "GIVEUP", maxDeliver: 1, ackWaitMs: 3000 });
    await one.open();
    const running = one.run();
    await one.until(3);
    // Somebody else holds it, until it is too late.
    await fixture.publish("GIVEUP", 4, 4);
    await one.until(4);
    one.stop.abort();
    await running;
    await one.source.close();
    const next = host({ stream: "GIVEUP", maxDeliver: 1, ackWaitMs: 3000 });
    await next.open();
    const again = next.run();
    await expect.poll(() => next.counters.gaps, { timeout: 20_000 }).toBe(4);
    expect(next.counters.lostMessages).toBe(4);
    const given = next.logged.filter(({ event, reason }) => event === "gap" && reason === "max_deliver");
    expect(given.map(({ from }) => from).sort()).toEqual([1, 2, 3, 4]);
    expect(next.values()).toEqual([]);
    next.stop.abort();
    await again;
    await next.source.close();
  });

  test("a recreated stream is refused; under another policy it is read from where that says", async () => {
    await fixture.fill("REMADE", 10);
    const first = host({ stream: "REMADE" }, { untilCaughtUp: true });
    await first.open();
    await first.run();
    const restored = await first.checkpoint(1);
    await first.source.close();
    await fixture.refill("REMADE", 20);
    const failing = host({ stream: "REMADE" }, { restored });
    await expect(failing.open()).rejects.toMatchObject({ exitCode: 4, context: { reason: "recreated" } });
    await failing.source.close();
    const skipping = host({ stream: "REMADE", onGap: "skip" }, { restored, untilCaughtUp: true });
    await skipping.open();
    await skipping.run();
    expect(sorted(skipping.values())).toEqual(range(1, 20));
    expect(skipping.counters.gaps).toBe(1);
    await skipping.source.close();
  });

  test("its state and that of ordered reading are not taken for each other; exactly once needs order", async () => {
    await fixture.fill("STATE", 10);
    const one = host({ stream: "STATE" });
    await one.open();
    const restored = await one.checkpoint(0);
    await one.source.close();
    const ordered = createHost(streamSource(fixture.server.url, { stream: "STATE" }), { restored });
    await expect(ordered.open()).rejects.toMatchObject({ code: "STATE_INVALID" });
    await ordered.source.close();
    const inOrder = createHost(streamSource(fixture.server.url, { stream: "STATE" }));
    await inOrder.open();
    const position = await inOrder.checkpoint(0);
    await inOrder.source.close();
    const competing = host({ stream: "STATE" }, { restored: position });
    await expect(competing.open()).rejects.toMatchObject({ code: "STATE_INVALID" });
    await competing.source.close();
    const exact = host({ stream: "STATE" }, { committed: new Map() });
    await expect(exact.open()).rejects.toMatchObject({ code: "OPTION_CONFLICT", exitCode: 2 });
    await exact.source.close();
  });

  test("settings that change are taken over by the consumer that is there", async () => {
    await fixture.fill("SETTINGS", 10);
    const one = host({ stream: "SETTINGS", deliver: { policy: "by_start_sequence", startSequence: 4 } });
    await one.open();
    await one.source.close();
    const two = host({ stream: "SETTINGS", ackWaitMs: 5000, maxDeliver: 7 }, { untilCaughtUp: true });
    await two.open();
    await two.run();
    expect(sorted(two.values())).toEqual(range(4, 10));
    const { config } = await consumerOf("SETTINGS");
    expect(config).toMatchObject({ ack_wait: 5_000_000_000, max_deliver: 7, opt_start_seq: 4 });
    await two.source.close();
  });
});
