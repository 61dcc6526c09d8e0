import { setTimeout as sleep } from "node:timers/promises";
import type { SinkOperator } from "@x/connector-api";
import { type FaultProxy, type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createJetStreamSink } from "../../src/sink/jetstream-sink.ts";
import {
  batchOf,
  createContext,
  firstsOf,
  jetStreamSettings,
  type Observer,
  observe,
  revive,
  rowsOf,
  type TestContext,
} from "./sink-fixture.ts";

const last = { checkpointId: 1, final: true };
let server: NatsServer;
let proxy: FaultProxy;
let observer: Observer;
let context: TestContext;
let sink: SinkOperator | undefined;

beforeAll(async () => {
  server = await startNatsServer();
  proxy = await startFaultProxy({ target: server.url });
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await observer.api("STREAM.DELETE.OUT").catch(() => {});
  context = createContext();
});
afterEach(async () => {
  proxy.blackhole(false);
  await proxy.refuse(false);
  await sink?.close();
});

async function open(options: Omit<Parameters<typeof jetStreamSettings>[0], "url"> = {}): Promise<SinkOperator> {
  sink = createJetStreamSink(jetStreamSettings({ url: proxy.url, ...options }));
  await sink.open(context);
  return sink;
}

async function write(
  target: SinkOperator,
  from: number,
  to: number,
  each?: (next: number) => Promise<void>,
): Promise<void> {
  for (let next = from; next <= to; next += 1000) {
    await target.processBatch(batchOf(rowsOf(next, Math.min(to, next + 999))));
    await each?.(next);
  }
}

const storedCount = async (): Promise<number> => (await observer.stateOf("OUT")).messages;

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (await condition()) return;
    await sleep(25);
  }
  throw new Error(`waited in vain until ${what}`);
}

describe("a JetStream sink under faults", { timeout: 60_000 }, () => {
  it("outlives kill -9 of the server: every row at least once, first occurrences in order", async () => {
    await observer.createStream({ name: "OUT" });
    const target = await open();
    let restarted: Promise<void> | undefined;
    await write(target, 1, 50_000, async (next) => {
      if (next === 20_001) {
        await server.kill();
        // Rows go on coming while nobody is there.
        restarted = sleep(300).then(() => revive(server));
      }
    });
    await target.flush(last);
    await restarted;
    expect(context.counters.rowsOut).toBe(50_000);
    expect(context.counters.reconnects).toBe(1);
    expect(firstsOf(await observer.idsOf("OUT"))).toEqual(firstsOf(rowsOf(1, 50_000).map((row) => row.id as number)));
  });

  it("confirms nothing that is not stored", async () => {
    await observer.createStream({ name: "OUT" });
    const target = await open();
    await write(target, 1, 3000);
    await target.flush(last);
    await server.kill();
    await write(target, 3001, 5000);
    await sleep(200);
    expect(context.counters.rowsOut).toBe(3000);
    await revive(server);
    await target.flush(last);
    expect(firstsOf(await observer.idsOf("OUT"))).toHaveLength(5000);
  });

  it("resends what three cuts of the connection swallowed; with message_id nothing twice", async () => {
    await observer.createStream({ name: "OUT" });
    const target = await open({ messageId: "{id}" });
    await write(target, 1, 30_000, async (next) => {
      if (next % 10_000 === 5001) proxy.cut();
    });
    await target.flush(last);
    expect(context.counters.reconnects).toBeGreaterThanOrEqual(1);
    expect(context.counters.rowsOut).toBe(30_000);
    expect(await observer.idsOf("OUT")).toEqual(rowsOf(1, 30_000).map((row) => row.id));
  });

  it.each([
    { messageId: "{id}", duplicates: false },
    { messageId: undefined, duplicates: true },
  ])(
    "resends when the acks are lost: message_id $messageId, duplicates $duplicates",
    async ({ messageId, duplicates }) => {
      await observer.createStream({ name: "OUT" });
      const target = await open(messageId === undefined ? {} : { messageId });
      proxy.blackhole(true, "fromTarget");
      await write(target, 1, 2000);
      await until(async () => (await storedCount()) === 2000, "all rows are stored");
      expect(context.counters.rowsOut).toBe(0);
      proxy.cut();
      proxy.blackhole(false);
      await target.flush(last);
      expect(context.counters.rowsOut).toBe(2000);
      expect(await storedCount()).toBe(duplicates ? 4000 : 2000);
      expect(firstsOf(await observer.idsOf("OUT"))).toHaveLength(2000);
    },
  );

  it("counts late acks of an older attempt once", async () => {
    await observer.createStream({ name: "OUT" });
    const target = await open({ messageId: "{id}", ackTimeoutMs: 200 });
    proxy.blackhole(true, "fromTarget");
    await write(target, 1, 2000);
    await until(() => context.warnings.length > 0, "the acks are late");
    proxy.blackhole(false);
    await target.flush(last);
    await write(target, 2001, 4000);
    await target.flush(last);
    expect(context.counters.rowsOut).toBe(4000);
    expect(await observer.idsOf("OUT")).toEqual(rowsOf(1, 4000).map((row) => row.id));
    expect(context.warnings[0]).toBe('no acknowledgement from stream "OUT" for 200 ms; retrying');
  });

  it("keeps a barrier open until its rows are acknowledged, while later batches go on", async () => {
    await observer.createStream({ name: "OUT" });
    const target = await open();
    proxy.blackhole(true, "fromTarget");
    await write(target, 1, 1000);
    let confirmed = false;
    const barrier = target.flush({ checkpointId: 1, final: false }).then(() => {
      confirmed = true;
    });
    await write(target, 1001, 2000);
    await until(async () => (await storedCount()) === 2000, "all rows are stored");
    expect(confirmed).toBe(false);
    proxy.blackhole(false);
    await barrier;
    expect(context.counters.rowsOut).toBeGreaterThanOrEqual(1000);
    await target.flush(last);
    expect(context.counters.rowsOut).toBe(2000);
  });

  it("holds no more than its window and gives room when half of it is free", async () => {
    await observer.createStream({ name: "OUT" });
    const target = await open({ maxInFlight: 100 });
    proxy.blackhole(true, "fromTarget");
    let taken = false;
    const batch = Promise.resolve(target.processBatch(batchOf(rowsOf(1, 1000)))).then(() => {
      taken = true;
    });
    await until(async () => (await storedCount()) === 100, "the window is full");
    await sleep(100);
    expect(await storedCount()).toBe(100);
    expect(taken).toBe(false);
    proxy.blackhole(false);
    await batch;
    await target.flush(last);
    expect(await storedCount()).toBe(1000);
  });

  it("takes a full stream for backpressure and goes on after a purge", async () => {
    await observer.createStream({ name: "OUT", max_msgs: 1500, discard: "new" });
    const target = await open();
    await write(target, 1, 2000);
    let confirmed = false;
    const flushed = target.flush(last).then(() => {
      confirmed = true;
    });
    await until(() => context.counters.rowsOut === 1500, "the stream is full");
    await sleep(400);
    expect(confirmed).toBe(false);
    const before = await observer.idsOf("OUT");
    await observer.api("STREAM.PURGE.OUT");
    await flushed;
    expect(context.counters.rowsOut).toBe(2000);
    expect([...before, ...(await observer.idsOf("OUT"))]).toEqual(rowsOf(1, 2000).map((row) => row.id));
    expect(context.warnings[0]).toContain("retrying");
  });

  it("says that the stream is gone when it is deleted under way", async () => {
    await observer.createStream({ name: "OUT" });
    const target = await open();
    await write(target, 1, 100);
    await target.flush(last);
    await observer.api("STREAM.DELETE.OUT");
    await write(target, 101, 200);
    await expect(target.flush(last)).rejects.toMatchObject({ code: "STREAM_NOT_FOUND" });
    await expect(Promise.resolve(target.processBatch(batchOf(rowsOf(1, 1))))).rejects.toMatchObject({
      code: "STREAM_NOT_FOUND",
    });
  });

  it("ends every wait when the pipeline stops at once, and when it is closed", async () => {
    await observer.createStream({ name: "OUT" });
    const target = await open({ maxInFlight: 10 });
    proxy.blackhole(true, "fromTarget");
    const batch = Promise.resolve(target.processBatch(batchOf(rowsOf(1, 100))));
    const flushed = target.flush(last);
    context.stop();
    await expect(batch).rejects.toMatchObject({ code: "ABORTED" });
    await expect(flushed).rejects.toMatchObject({ code: "ABORTED" });
    await target.close();
    await expect(target.flush(last)).rejects.toMatchObject({ code: "CLOSED" });
  });
});
