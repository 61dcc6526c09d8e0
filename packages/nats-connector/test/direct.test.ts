import { pipeline } from "node:stream/promises";
import { type CheckpointStore, ConnectorError, defineSchema, memoryCheckpoints } from "@x/connector-api";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import type { DirectSource } from "../src/direct/direct-source.ts";
import { openSink, openSource } from "../src/direct.ts";
import { type Observer, observe, revive } from "./sink/sink-fixture.ts";

const schema = defineSchema({ id: "BIGINT NOT NULL", region: "TEXT" });
type Order = { id: number | bigint; region: string | null };

let server: NatsServer;
let observer: Observer;
let store: CheckpointStore;

beforeAll(async () => {
  server = await startNatsServer();
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  store = memoryCheckpoints();
  for (const name of ["ORDERS", "BILLS"]) await observer.api(`STREAM.DELETE.${name}`).catch(() => {});
  await observer.createStream({ name: "ORDERS", subjects: ["orders.>"] });
  await observer.createStream({ name: "BILLS", subjects: ["bills.>"] });
});

const common = () => ({ servers: server.url, format: "json", schema });
const source = (more: object = {}): Promise<DirectSource<Order>> =>
  openSource<Order>({
    ...common(),
    stream: "ORDERS",
    checkpoints: store,
    name: "billing",
    untilCaughtUp: true,
    ...more,
  });
const sink = (more: object = {}) =>
  openSink<Order>({ ...common(), stream: "BILLS", subject: "bills.{region}", messageId: "{id}", ...more });
const orders = (from: number, to: number): Order[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ id: from + i, region: "eu" }));

async function publishOrders(from: number, to: number): Promise<void> {
  await using target = await openSink<Order>({ ...common(), stream: "ORDERS", subject: "orders.{region}" });
  await target.write(orders(from, to));
}

async function readAll(opened: DirectSource<Order>): Promise<number[]> {
  const ids: number[] = [];
  for await (const batch of opened.batches()) {
    ids.push(...batch.rows.map((row) => Number(row.id)));
    await batch.commit();
  }
  return ids;
}

describe("openSource", () => {
  it("gives typed rows and goes on behind the last commit", async () => {
    await publishOrders(1, 3000);
    let seen = 0;
    {
      await using first = await source();
      expect(first.state).toBe("open");
      for await (const batch of first.batches({ maxRows: 500 })) {
        expectTypeOf(batch.rows).toEqualTypeOf<readonly Order[]>();
        expect(batch.rows.length).toBeLessThanOrEqual(500);
        expect(batch.positions).toHaveLength(batch.rows.length);
        seen += batch.rows.length;
        await batch.commit();
        if (seen >= 1500) break;
      }
      expect(first.state).toBe("reading");
    }
    await using second = await source();
    const ids = await readAll(second);
    expect(ids).toEqual(orders(seen + 1, 3000).map(({ id }) => id));
    expect(second.state).toBe("ended");
  });

  it("repeats what was not committed, and only that, although more was read ahead", async () => {
    await publishOrders(1, 1000);
    let committed = 0;
    {
      await using first = await source();
      let count = 0;
      for await (const batch of first.batches({ maxRows: 100 })) {
        if (count === 0) {
          await batch.commit();
          committed = batch.rows.length;
        }
        if (++count === 3) break;
      }
    }
    await using second = await source();
    expect((await readAll(second))[0]).toBe(committed + 1);
  });

  it("gives rows one by one and commits a batch behind its last row", async () => {
    await publishOrders(1, 10);
    {
      await using first = await source();
      const ids: number[] = [];
      for await (const row of first) ids.push(Number(row.id));
      expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
    await publishOrders(11, 12);
    await using second = await source();
    expect(await readAll(second)).toEqual([11, 12]);
  });

  it("hands on a lone row at once, and a full batch in time", async () => {
    await using live = await source({ untilCaughtUp: false });
    const batches = live.batches({ maxRows: 100, maxWaitMs: 20_000 });
    const full = batches.next();
    await publishOrders(1, 100);
    expect((await full).value?.rows).toHaveLength(100);
    const lone = live.batches({ maxWaitMs: 50 });
    await batches.return();
    const next = lone.next();
    await publishOrders(101, 101);
    expect((await next).value?.rows).toEqual([{ id: 101, region: "eu" }]);
    await lone.return();
  });

  it("refuses commits out of order, twice, or after close", async () => {
    await publishOrders(1, 30);
    const opened = await source();
    const batches = opened.batches({ maxRows: 10 });
    const [one, two, three] = [await batches.next(), await batches.next(), await batches.next()].map(
      ({ value }) => value,
    );
    await two?.commit();
    await expect(two?.commit()).rejects.toMatchObject({ code: "COMMIT_ORDER" });
    await expect(one?.commit()).rejects.toMatchObject({ code: "COMMIT_ORDER" });
    await opened.close();
    await opened.close();
    await expect(three?.commit()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(batches.next()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(opened.batches().next()).rejects.toMatchObject({ code: "CLOSED" });
    expect(opened.state).toBe("closed");
  });

  it("may commit a batch again when the store failed, and tells with a signal who still waits", async () => {
    await publishOrders(1, 30);
    let failures = 1;
    const checkpoints: CheckpointStore = {
      ...store,
      async write(checkpoint) {
        if (checkpoint.checkpointId > 0 && failures-- > 0) throw new ConnectorError("STATE_STORE", "full");
        await store.write(checkpoint);
      },
    };
    await using opened = await source({ checkpoints });
    const { value: batch } = await opened.batches({ maxRows: 30, maxWaitMs: 20_000 }).next();
    await expect(batch?.commit()).rejects.toMatchObject({ code: "STATE_STORE" });
    await expect(batch?.commit({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
    await expect(batch?.commit()).rejects.toMatchObject({ code: "COMMIT_ORDER" });
    await using after = await source();
    expect(await readAll(after)).toEqual([]);
  });

  it("is fenced by a second instance of the same name", async () => {
    await publishOrders(1, 20);
    await using older = await source({ untilCaughtUp: false });
    const batches = older.batches({ maxRows: 10 });
    const first = (await batches.next()).value;
    await using newer = await source();
    await expect(first?.commit()).rejects.toMatchObject({ code: "FENCED", exitCode: 5 });
    expect(older.state).toBe("failed");
    expect(await readAll(newer)).toHaveLength(20);
    await expect(batches.next()).rejects.toMatchObject({ code: "FENCED" });
  });

  it("ends waits with the signal of the wait, and everything with the signal of the source", async () => {
    await using live = await source({ untilCaughtUp: false });
    await expect(live.batches({ signal: AbortSignal.timeout(30) }).next()).rejects.toMatchObject({ code: "ABORTED" });
    const stop = new AbortController();
    await using other = await source({ untilCaughtUp: false, name: "other", signal: stop.signal });
    const next = other.batches().next();
    stop.abort();
    await expect(next).rejects.toMatchObject({ code: "ABORTED" });
  });

  it("says what is missing or misspelt before it connects", async () => {
    const nowhere = { ...common(), servers: "127.0.0.1:1" };
    await expect(openSource({ ...nowhere, stream: "ORDERS" })).rejects.toMatchObject({
      code: "OPTION_MISSING",
      message: expect.stringContaining('"name"'),
    });
    await expect(openSource({ ...nowhere, stream: "ORDERS", checkpoints: store })).rejects.toMatchObject({
      code: "OPTION_MISSING",
      message: expect.stringContaining('"name"'),
    });
    await expect(openSource({ ...nowhere, strem: "ORDERS" })).rejects.toThrow(
      /unknown option "strem"; did you mean "stream"\?/,
    );
    await expect(openSink({ ...nowhere, stream: "BILLS", subject: "bills.{regoin}" })).rejects.toThrow(
      /did you mean "region"/,
    );
    await expect(
      openSource({ ...common(), stream: "NONE", checkpoints: store, name: "x", connectTimeout: "2s" }),
    ).rejects.toMatchObject({ code: "STREAM_NOT_FOUND" });
  });

  it("reads Core subjects without checkpoints", async () => {
    await using live = await openSource({ ...common(), subject: "core.orders" });
    const next = live.batches().next();
    await using out = await openSink<Order>({ ...common(), subject: "core.orders" });
    await out.write({ id: 1, region: "eu" });
    await out.flush();
    expect((await next).value?.rows).toEqual([{ id: 1, region: "eu" }]);
  });
});

describe("openSink", () => {
  it("takes rows and single rows in order, also from calls that overlap, and confirms them", async () => {
    await using out = await sink({ publish: { maxInFlight: 100 } });
    const writes = [
      out.write(orders(1, 1000)),
      out.write(orders(1001, 1001)[0] as Order),
      out.write(orders(1002, 2000)),
    ];
    await out.flush();
    expect(out.counters.rowsOut).toBe(2000);
    await Promise.all(writes);
    expect(await observer.idsOf("BILLS")).toEqual(orders(1, 2000).map(({ id }) => id));
  });

  it("flushes when it is closed, and refuses everything afterwards", async () => {
    const out = await sink();
    await out.write(orders(1, 5000));
    await out.close();
    await out.close();
    expect((await observer.stateOf("BILLS")).messages).toBe(5000);
    await expect(out.write(orders(1, 1))).rejects.toMatchObject({ code: "CLOSED" });
    await expect(out.flush()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("refuses a bad row and goes on", async () => {
    await using out = await sink();
    await expect(out.write([{ id: 1, region: "a.b" }])).rejects.toMatchObject({ code: "BAD_DATA" });
    await out.write({ id: 2, region: "ok" });
    await out.flush();
    expect(out.counters).toMatchObject({ rowsOut: 1, badRows: 1 });
  });

  it("gives up waiting when told to, and says at close what was not confirmed", async () => {
    await observer.createStream({ name: "FULL", subjects: ["full"], max_msgs: 10, discard: "new" });
    const out = await sink({ stream: "FULL", subject: "full", drainTimeoutMs: 200 });
    await out.write(orders(1, 20));
    await expect(out.flush({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ code: "ABORTED" });
    await expect.poll(() => out.counters.rowsOut).toBe(10);
    await expect(out.close()).rejects.toMatchObject({ code: "SERVER_UNAVAILABLE", context: { rowsOut: 10 } });
    await observer.api("STREAM.DELETE.FULL");
  });

  it("reports what ended it once", async () => {
    await observer.createStream({ name: "GONE", subjects: ["gone"] });
    const out = await sink({ stream: "GONE", subject: "gone" });
    await observer.api("STREAM.DELETE.GONE");
    await out.write(orders(1, 1));
    await expect(out.flush()).rejects.toMatchObject({ code: "STREAM_NOT_FOUND" });
    await out.close();
  });

  it("works with node streams, which commit nothing by themselves", async () => {
    await publishOrders(1, 2500);
    {
      await using input = await source();
      await using out = await sink();
      await pipeline(input.toReadable(), out.toWritable());
      expect(out.counters.rowsOut).toBe(2500);
      expect(await observer.idsOf("BILLS")).toEqual(orders(1, 2500).map(({ id }) => id));
    }
    await using again = await source();
    let rows = 0;
    for await (const _ of again.toReadable({ maxRows: 100, maxWaitMs: 20_000 })) if (++rows === 150) break;
    // Of the second hundred some were not read: only the first is safe.
    await again.commit();
    await again.commit();
    await again.close();
    await expect(again.commit()).rejects.toMatchObject({ code: "CLOSED" });
    await using last = await source();
    expect((await readAll(last))[0]).toBe(101);
  });

  it("works with web streams", async () => {
    await publishOrders(1, 2500);
    await using input = await source();
    await using out = await sink();
    await input.toReadableStream().pipeTo(out.toWritableStream());
    await input.commit();
    expect(await observer.idsOf("BILLS")).toEqual(orders(1, 2500).map(({ id }) => id));
    await using after = await source();
    expect(await readAll(after)).toEqual([]);
  });
});

describe("a loop from source to sink", () => {
  it("loses nothing when the server is killed under it, and goes on by itself", { timeout: 60_000 }, async () => {
    await publishOrders(1, 20_000);
    await using input = await source();
    await using out = await sink();
    const events: string[] = [];
    for (const type of ["disconnect", "reconnect", "rebuild"] as const)
      input.on(type, (event) => events.push(event.type));
    out.on("reconnect", () => events.push("sink"))();
    let restarted: Promise<void> | undefined;
    for await (const batch of input.batches({ maxRows: 1000 })) {
      await out.write(batch.rows);
      if (batch.rows.some((row) => row.id === 5001)) {
        await server.kill();
        restarted = revive(server);
      }
      await out.flush();
      await batch.commit();
    }
    await restarted;
    expect(input.counters.reconnects).toBe(1);
    expect([...new Set(events)].sort()).toEqual(["disconnect", "rebuild", "reconnect"]);
    const ids = await observer.idsOf("BILLS");
    expect([...new Set(ids)]).toEqual(orders(1, 20_000).map(({ id }) => id));
  });
});
