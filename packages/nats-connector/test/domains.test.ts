import { setTimeout as sleep } from "node:timers/promises";
import { type CheckpointStore, defineSchema, memoryCheckpoints } from "@x/connector-api";
import { type FaultProxy, findFreePort, type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { natsKvCheckpoints } from "../src/direct/nats-kv-checkpoints.ts";
import { openSink, openSource } from "../src/direct.ts";
import { atomicStream, inputs, notes, openWorker, progress } from "./exactly-once/exactly-once-fixture.ts";
import { type Observer, observe } from "./sink/sink-fixture.ts";
import { connectTo, createHost, streamSource } from "./source/source-host.ts";
import { range } from "./source/stream-fixture.ts";

/** Clients are connected to the leaf; the streams are the hub's, in another domain. Both have streams of the same names. */
let hub: NatsServer;
let leaf: NatsServer;
let link: FaultProxy;
let atHub: Observer;
let atLeaf: Observer;

beforeAll(async () => {
  const port = await findFreePort();
  const listen = `leafnodes { listen: "127.0.0.1:${port}", no_advertise: true }`;
  hub = await startNatsServer({ domain: "hub", config: listen });
  link = await startFaultProxy({ target: `127.0.0.1:${port}` });
  const remote = `leafnodes { reconnect: "200ms", remotes: [{ url: "nats-leaf://127.0.0.1:${link.port}" }] }`;
  leaf = await startNatsServer({ domain: "leaf", config: remote });
  atHub = await observe(hub.url);
  atLeaf = await observe(leaf.url);
  await hubAnswers();
});

afterAll(async () => {
  await atLeaf?.client.close();
  await atHub?.client.close();
  await leaf?.[Symbol.asyncDispose]();
  await link?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
});

/** The nodes find each other a moment after both have started, or after their link was cut. */
async function hubAnswers(): Promise<void> {
  const ask = () => atLeaf.client.request("$JS.hub.API.INFO", undefined, { timeout: 500 });
  while (!(await ask().then(Boolean, () => false))) await sleep(50);
}

const schema = defineSchema({ id: "BIGINT NOT NULL", region: "TEXT" });
type Order = { id: number | bigint; region: string | null };
const common = (domain: string) => ({ servers: leaf.url, jetstream: { domain }, format: "json", schema });
const orders = (from: number, to: number): Order[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ id: from + i, region: "eu" }));
const idsOf = (from: number, to: number): number[] => orders(from, to).map(({ id }) => Number(id));

async function write(domain: string, stream: string, rows: readonly Order[]): Promise<void> {
  await using sink = await openSink<Order>({ ...common(domain), stream, subject: `${stream}.{region}` });
  await sink.write(rows);
  await sink.flush();
}

async function readAll(domain: string, stream: string, checkpoints?: CheckpointStore): Promise<number[]> {
  const options = { ...common(domain), stream, name: "reader", untilCaughtUp: true };
  await using source = await openSource<Order>({ ...options, ...(checkpoints && { checkpoints }) });
  const ids: number[] = [];
  for await (const batch of source.batches()) {
    ids.push(...batch.rows.map(({ id }) => Number(id)));
    await batch.commit();
  }
  return ids;
}

describe("a stream in the domain of another server", () => {
  it("is written and read there, and one of the same name here is another one", async () => {
    await atHub.createStream({ name: "NAMED", subjects: ["NAMED.>"] });
    await write("hub", "NAMED", orders(1, 3000));
    await expect(readAll("leaf", "NAMED")).rejects.toMatchObject({ code: "STREAM_NOT_FOUND" });
    // Its subjects are its own: what is published to the hub's must not be stored twice.
    await atLeaf.createStream({ name: "NAMED", subjects: ["elsewhere.>"] });
    expect(await readAll("leaf", "NAMED", memoryCheckpoints())).toEqual([]);
    expect(await readAll("hub", "NAMED", memoryCheckpoints())).toEqual(idsOf(1, 3000));
    expect((await atHub.stateOf("NAMED")).messages).toBe(3000);
  });

  it.each(["interest", "workqueue"])("is acked there: %s", async (retention) => {
    const stream = `ACKED-${retention}`;
    await atHub.createStream({ name: stream, subjects: [`${stream}.>`], retention });
    const checkpoints = memoryCheckpoints();
    // The consumer of a first start, which is what an interest stream keeps messages for.
    expect(await readAll("hub", stream, checkpoints)).toEqual([]);
    await write("hub", stream, orders(1, 500));
    expect(await readAll("hub", stream, checkpoints)).toEqual(idsOf(1, 500));
    await expect.poll(async () => (await atHub.stateOf(stream)).messages, { timeout: 20_000 }).toBe(0);
  });

  it("is read on behind a position that a bucket of that domain keeps", async () => {
    await atHub.createStream({ name: "KEPT", subjects: ["KEPT.>"] });
    const bucket = { servers: leaf.url, jetstream: { domain: "hub" }, bucket: "STATE", create: true };
    for (const [from, to] of [
      [1, 100],
      [101, 150],
    ] as const) {
      await write("hub", "KEPT", orders(from, to));
      const store = natsKvCheckpoints(bucket);
      expect(await readAll("hub", "KEPT", store)).toEqual(idsOf(from, to));
      await store.close();
    }
    expect((await atHub.stateOf("KV_STATE")).messages).toBeGreaterThan(0);
  });

  it("does not take the answer of a namesake here for its own", async () => {
    await atHub.createStream({ name: "TWIN", subjects: ["TWIN.>"] });
    await atLeaf.createStream({ name: "TWIN", subjects: ["TWIN.>"] });
    const there = await openSink<Order>({ ...common("hub"), stream: "TWIN", subject: "TWIN.{region}" });
    // The link between the servers is down: only the stream here answers.
    await link.refuse(true);
    link.cut();
    await there.write(orders(1, 10));
    await expect(there.flush()).rejects.toMatchObject({
      code: "STREAM_MISMATCH",
      message: expect.stringContaining('stream "TWIN" of domain "leaf", not in that of domain "hub"'),
    });
    await there.close().catch(() => {});
    await link.refuse(false);
    await hubAnswers();
    expect((await atHub.stateOf("TWIN")).messages).toBe(0);
  });

  it("is written to exactly once", async () => {
    await atHub.createStream(atomicStream);
    const domain = "hub";
    const first = await openWorker(leaf.url, { domain });
    await first.write(inputs(1, 200));
    await first.flush();
    // The fence holds across the link: a newer instance takes over, and the older one is out.
    const second = await openWorker(leaf.url, { domain });
    await first.write(inputs(201, 210));
    await expect(first.flush()).rejects.toMatchObject({ code: "FENCED" });
    await first.sink.close();
    await second.write(inputs(201, 400));
    await second.flush(true);
    await second.sink.close();
    expect(await notes(atHub)).toEqual(inputs(1, 400).rows.map(({ note }) => note));
    expect((await progress(atHub)).length).toBeGreaterThan(0);
  });
});

describe("the link between the servers is cut, and no client is told", () => {
  it("reads every message once, in order", async () => {
    await atHub.createStream({ name: "CUT", subjects: ["CUT.>"] });
    await Promise.all(range(1, 5000).map((value) => atHub.client.jetstream().publish("CUT.a", value)));
    const connectOverLink = { connect: connectTo(leaf.url, "hub") };
    const one = createHost(streamSource(leaf.url, { stream: "CUT", maxBatch: 500 }, connectOverLink), {
      capacity: 500,
    });
    await one.open();
    const running = one.run();
    await one.until(500);
    one.take(500);
    link.cut();
    one.take(100_000);
    await one.until(5000, 60_000);
    expect(one.values()).toEqual(range(1, 5000));
    expect(one.counters).toMatchObject({ gaps: 0, reconnects: 0 });
    one.drain.abort();
    await running;
    await one.source.close();
  }, 120_000);

  it("writes every row, once and in order", async () => {
    await atHub.createStream({ name: "SUNK", subjects: ["SUNK.>"], duplicate_window: 120_000_000_000 });
    const options = { ...common("hub"), stream: "SUNK", subject: "SUNK.{region}", messageId: "{id}" };
    await using sink = await openSink<Order>({ ...options, publish: { ackTimeout: "1s" } });
    for (let from = 1; from <= 3000; from += 1000) {
      await sink.write(orders(from, from + 999));
      link.cut();
      await sink.flush();
    }
    expect(await atHub.idsOf("SUNK")).toEqual(idsOf(1, 3000));
  }, 60_000);
});
