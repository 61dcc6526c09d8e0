import { setTimeout as sleep } from "node:timers/promises";
import type { SinkOperator } from "@x/connector-api";
import { type FaultProxy, type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createCoreSink } from "../../src/sink/core-sink.ts";
import {
  batchOf,
  coreSettings,
  createContext,
  firstsOf,
  type Observer,
  observe,
  rowsOf,
  type TestContext,
} from "./sink-fixture.ts";

const last = { checkpointId: 1, final: true };
const admin = { user: "admin", pass: "a" };
const limited = { user: "limited", pass: "l" };
const deaf = { user: "deaf", pass: "d" };
let server: NatsServer;
let proxy: FaultProxy;
let observer: Observer;
let context: TestContext;
let sink: SinkOperator | undefined;

beforeAll(async () => {
  server = await startNatsServer({
    config: `authorization { users: [
      { user: admin, password: a },
      { user: limited, password: l, permissions: { publish: ["core.eu"], subscribe: "_INBOX.>" } },
      { user: deaf, password: d, permissions: { publish: ["core.>"], subscribe: "nothing" } },
    ] }`,
  });
  proxy = await startFaultProxy({ target: server.url });
  observer = await observe(server.url, admin);
});
afterAll(async () => {
  await observer.client.close();
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  context = createContext();
});
afterEach(async () => {
  proxy.blackhole(false);
  await proxy.refuse(false);
  await sink?.close();
});

async function open(options: Omit<Parameters<typeof coreSettings>[0], "url"> = {}): Promise<SinkOperator> {
  sink = createCoreSink(coreSettings({ url: proxy.url, user: admin, subject: "core.rows", ...options }));
  await sink.open(context);
  return sink;
}

/** Everything a subscriber on the server itself hears. */
async function listen(subject: string): Promise<{ ids: number[]; settled: () => Promise<void> }> {
  const ids: number[] = [];
  observer.client.subscribe(subject, {
    callback: (_error, message) => void ids.push(message.json<{ id: number }>().id),
  });
  await observer.client.flush();
  return { ids, settled: () => observer.client.flush() };
}

describe("a Core sink", { timeout: 60_000 }, () => {
  it("has handed every row to the server when a barrier resolves, in order", async () => {
    const heard = await listen("core.ordered");
    const target = await open({ subject: "core.ordered", headers: { "X-Id": "{id}" } });
    for (let from = 1; from <= 20_000; from += 1000) await target.processBatch(batchOf(rowsOf(from, from + 999)));
    await target.flush(last);
    await heard.settled();
    expect(heard.ids).toEqual(rowsOf(1, 20_000).map((row) => row.id));
    expect(context.counters.rowsOut).toBe(20_000);
    expect(context.warnings).toEqual([]);
  });

  it("sends what cuts and outages swallowed again, in order of first occurrence", async () => {
    const heard = await listen("core.cut");
    const target = await open({ subject: "core.cut" });
    for (let from = 1; from <= 30_000; from += 1000) {
      await target.processBatch(batchOf(rowsOf(from, from + 999)));
      if (from === 5001 || from === 20_001) proxy.cut();
      if (from === 10_001) {
        await proxy.refuse(true);
        proxy.cut();
        sleep(600).then(
          () => proxy.refuse(false),
          () => {},
        );
      }
    }
    await target.flush(last);
    await heard.settled();
    expect(context.counters.reconnects).toBeGreaterThanOrEqual(2);
    expect(context.counters.rowsOut).toBe(30_000);
    expect(firstsOf(heard.ids)).toEqual(rowsOf(1, 30_000).map((row) => row.id));
  });

  it("keeps a barrier open while the server does not answer, and confirms nothing meanwhile", async () => {
    const target = await open({ subject: "core.hole" });
    proxy.blackhole(true);
    await target.processBatch(batchOf(rowsOf(1, 500)));
    let confirmed = false;
    const barrier = target.flush(last).then(() => {
      confirmed = true;
    });
    await target.processBatch(batchOf(rowsOf(501, 600)));
    await sleep(300);
    expect(confirmed).toBe(false);
    expect(context.counters.rowsOut).toBe(0);
    proxy.blackhole(false);
    await barrier;
    await target.flush(last);
    expect(context.counters.rowsOut).toBe(600);
  });

  it("never confirms a row that a cut took along although a later flush resolves", async () => {
    const heard = await listen("core.swallowed");
    const target = await open({ subject: "core.swallowed" });
    proxy.blackhole(true, "toTarget");
    await target.processBatch(batchOf(rowsOf(1, 100)));
    await sleep(50);
    await proxy.refuse(true);
    proxy.cut();
    proxy.blackhole(false);
    await sleep(50);
    await target.processBatch(batchOf(rowsOf(101, 200)));
    const barrier = target.flush(last);
    await proxy.refuse(false);
    await barrier;
    await heard.settled();
    expect(firstsOf(heard.ids)).toEqual(rowsOf(1, 200).map((row) => row.id));
  });

  it("fails a barrier with the subject the user may not publish to", async () => {
    const target = await open({ subject: "core.{region}", user: limited });
    await target.processBatch(batchOf([{ id: 1, region: "eu", note: "" }]));
    await target.flush(last);
    await target.processBatch(batchOf([{ id: 2, region: "us", note: "" }]));
    await expect(target.flush(last)).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      message:
        'cannot publish: the server denies this user to publish "core.us"; it needs that subject in its publish permissions',
    });
    expect(context.counters.rowsOut).toBe(1);
  });

  it.each(["at_least_once", "at_most_once"] as const)("counts what nobody receives, with %s", async (delivery) => {
    const heard = await listen("core.count.eu");
    const options = { subject: "core.count.{region}", delivery, headers: { "X-Id": "{id}" } };
    const target = await open({ ...options, countNoResponders: true });
    await target.processBatch(batchOf(rowsOf(1, 500)));
    await target.flush(last);
    expect(context.counters).toMatchObject({ rowsOut: 500, noResponders: 0 });
    await target.processBatch(batchOf(rowsOf(501, 800).map((row) => ({ ...row, region: "us" }))));
    await target.flush(last);
    await heard.settled();
    expect(heard.ids).toHaveLength(500);
    expect(context.counters).toMatchObject({ rowsOut: 800, noResponders: 300 });
  });

  it("counts nothing of it unless it is told to, and asks for no right to hear", async () => {
    const target = await open({ user: deaf, subject: "core.nobody" });
    await target.processBatch(batchOf(rowsOf(1, 10)));
    await target.flush(last);
    expect(context.counters).toMatchObject({ rowsOut: 10, noResponders: 0 });
    await target.close();
    const counting = await open({ user: deaf, subject: "core.nobody", countNoResponders: true });
    await counting.processBatch(batchOf(rowsOf(1, 10)));
    await expect(counting.flush(last)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("counts what it has not confirmed when it is closed, once", async () => {
    const target = await open({ subject: "core.closed" });
    await target.processBatch(batchOf(rowsOf(1, 10)));
    await target.flush(last);
    proxy.blackhole(true);
    await target.processBatch(batchOf(rowsOf(11, 40)));
    await target.close();
    await target.close();
    expect(context.counters).toMatchObject({ rowsOut: 10, unconfirmedRows: 30, inFlight: 0 });
    expect(context.warnings).toContain('sink "out" is closed before all it has written was confirmed');
  });

  it("at most once: counts what a cut may have taken along", async () => {
    const target = await open({ subject: "core.maybe", delivery: "at_most_once" });
    proxy.blackhole(true);
    await target.processBatch(batchOf(rowsOf(1, 100)));
    proxy.cut();
    proxy.blackhole(false);
    await target.flush(last);
    expect(context.counters).toMatchObject({ rowsOut: 0, unconfirmedRows: 100 });
  });

  it("warns of a stream that captures the subject", async () => {
    await observer.createStream({ name: "CAPTURES", subjects: ["captured.>"] });
    await open({ subject: "captured.{region}" });
    expect(context.warnings[0]).toContain('stream "CAPTURES" captures "captured.*"');
  });

  it("needs no JetStream", async () => {
    const plain = await startNatsServer({ jetstream: false });
    try {
      sink = createCoreSink(coreSettings({ url: plain.url }));
      await sink.open(context);
      await sink.processBatch(batchOf(rowsOf(1, 10)));
      await sink.flush(last);
      expect(context.counters.rowsOut).toBe(10);
      await sink.close();
    } finally {
      await plain[Symbol.asyncDispose]();
    }
  });

  it("at most once: sends nothing twice and goes on after a cut", async () => {
    const heard = await listen("core.once");
    const target = await open({ subject: "core.once", delivery: "at_most_once" });
    await target.processBatch(batchOf(rowsOf(1, 3000)));
    await target.flush(last);
    expect(context.counters.rowsOut).toBe(3000);
    proxy.cut();
    await target.processBatch(batchOf(rowsOf(3001, 4000)));
    await target.flush(last);
    await target.processBatch(batchOf(rowsOf(4001, 5000)));
    await target.flush(last);
    await heard.settled();
    expect(heard.ids).toEqual(firstsOf(heard.ids));
    expect(context.counters.rowsOut).toBeLessThanOrEqual(heard.ids.length);
    expect(heard.ids.slice(-1000)).toEqual(rowsOf(4001, 5000).map((row) => row.id));
  });
});
