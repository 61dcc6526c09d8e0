import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { headers } from "nats";
import { describe, expect, test } from "vitest";
import type { OpenConnection } from "../../src/connection.js";
import type { NatsMessage } from "../../src/nats-client.js";
import { createCoreSource } from "../../src/source/core-source.js";
import { MessageRing } from "../../src/source/message-ring.js";
import { type CoreSourceTable, parseTable } from "../../src/table-config.js";
import { connectTo, createHost, type HostOptions, type SourceHost, textDecoder } from "./source-host.js";
import { range, withStreams } from "./stream-fixture.js";

const fixture = withStreams();

interface CoreHost extends SourceHost {
  /** Resolves when the source has received what the server sent it until now, and is subscribed after a reconnect. */
  settled(): Promise<void>;
}

function host(
  table: Partial<CoreSourceTable> & { subject: string },
  options: HostOptions = {},
  url = fixture.server.url,
): CoreHost {
  let connection: OpenConnection | undefined;
  const source = createCoreSource({
    table: parseTable({ type: "core-source", ...table }) as CoreSourceTable,
    connect: async (context) => {
      connection = await connectTo(url)(context);
      return connection;
    },
    openDecoder: () => Promise.resolve(textDecoder),
    deserialization: { badData: { behavior: "fail" }, metadata: [] },
    connectTimeoutMs: 3000,
  });
  return { ...createHost(source, options), settled: async () => connection?.client.flush() };
}

const publish = async (subject: string, from: number, to: number): Promise<void> => {
  for (let i = from; i <= to; i++) fixture.client.publish(subject, String(i));
  await fixture.client.flush();
};

describe("a Core source", () => {
  test("reads what is published from open on, and hands on everything when it drains", async () => {
    const one = host({ subject: "core.>" });
    await one.open();
    await publish("core.a", 1, 1000);
    const running = one.run();
    await one.until(1000);
    await publish("core.b", 1001, 1100);
    one.drain.abort();
    expect(await running).toBe("graceful");
    expect(one.values()).toEqual(range(1, 1100));
    expect(one.source.snapshot(1).get("0")).toEqual({ v: 1, subject: "core.>", received: "1100" });
    await one.source.close();
  });

  test("members of a queue group share the messages", async () => {
    const members = [host({ subject: "shared", queueGroup: "g" }), host({ subject: "shared", queueGroup: "g" })];
    await Promise.all(members.map((one) => one.open()));
    const running = members.map((one) => one.run());
    await publish("shared", 1, 500);
    await Promise.all(members.map((one) => one.settled()));
    for (const one of members) one.drain.abort();
    await Promise.all(running);
    const all = members.flatMap((one) => one.values()).sort((a, b) => Number(a) - Number(b));
    expect(all).toEqual(range(1, 500));
    await Promise.all(members.map((one) => one.source.close()));
  });

  test("what finds no room is dropped and counted, or is an error", async () => {
    const expected = { drop_newest: range(1, 10), drop_oldest: range(91, 100) };
    for (const onOverflow of ["drop_newest", "drop_oldest"] as const) {
      const one = host({ subject: onOverflow, maxBufferedMessages: 10, onOverflow });
      await one.open();
      await publish(onOverflow, 1, 100);
      await one.settled();
      const running = one.run();
      await one.until(10);
      one.drain.abort();
      await running;
      expect(one.values()).toEqual(expected[onOverflow]);
      expect(one.counters.droppedRows).toBe(90);
      await one.source.close();
    }
    const one = host({ subject: "full", maxBufferedBytes: 20, onOverflow: "fail" });
    await one.open();
    await publish("full", 1, 100);
    await one.settled();
    await expect(one.run()).rejects.toMatchObject({ code: "OVERFLOW", exitCode: 4 });
    await one.source.close();
  });

  test("bad data fails behind the good messages before it: they are handed on and in a checkpoint", async () => {
    for (const bad of ["bad data", "overflow"]) {
      const subject = bad.replace(" ", "-");
      const requested: string[][] = [];
      const limit = bad === "overflow" ? { maxBufferedMessages: 100, onOverflow: "fail" as const } : {};
      const one = host({ subject, ...limit }, { requestCheckpoint: async () => void requested.push(one.values()) });
      await one.open();
      await publish(subject, 1, 100);
      fixture.client.publish(subject, "poison");
      await publish(subject, 101, 200);
      await one.settled();
      const code = bad === "overflow" ? "OVERFLOW" : "BAD_DATA";
      await expect(one.run()).rejects.toMatchObject({ code });
      expect(one.values()).toEqual(range(1, 100));
      expect(requested).toEqual([range(1, 100)]);
      expect(one.source.snapshot(1).get("0")).toMatchObject({ received: "100" });
      await one.source.close();
    }
  });

  test("a reconnect is a counted gap, and reading goes on", async () => {
    await using proxy = await startFaultProxy({ target: fixture.server.url });
    const one = host({ subject: "gap" }, {}, proxy.url);
    await one.open();
    const running = one.run();
    await publish("gap", 1, 10);
    await one.until(10);
    proxy.cut();
    while (one.counters.reconnects === 0) await sleep(10);
    await one.settled();
    await publish("gap", 11, 20);
    await one.until(20);
    expect(one.counters.gaps).toBe(1);
    one.stop.abort();
    expect(await running).toBe("immediate");
    await one.source.close();
  });

  test("cannot catch up", async () => {
    const one = host({ subject: "endless" }, { untilCaughtUp: true });
    await expect(one.open()).rejects.toMatchObject({ code: "UNSUPPORTED", exitCode: 2 });
    await one.source.close();
  });
});

test("a server that drops this client because it does not read: the gap says so", async () => {
  await using server = await startNatsServer({
    config: "max_pending: 256KB\nwrite_deadline: 500ms",
    jetstream: false,
    maxPayloadBytes: 65_536,
  });
  const one = host({ subject: "flood" }, {}, server.url);
  await one.open();
  const running = one.run();
  // A publisher in another thread: this one is going to be busy.
  const flood = new Worker(
    `const { connect } = require("nats");
     connect({ servers: "${server.url}" }).then(async (client) => {
       const payload = Buffer.alloc(8192);
       for (let i = 0; ; i++) {
         client.publish("flood", payload);
         if (i % 50 === 0) await client.flush();
       }
     });`,
    { eval: true },
  );
  // Until it works: on a busy machine the flood may take a while to begin.
  while (one.counters.reconnects === 0) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
    await sleep(200);
  }
  await flood.terminate();
  expect(one.counters.gaps).toBeGreaterThan(0);
  expect(one.logged).toContainEqual(
    expect.objectContaining({
      level: "warn",
      event: "gap",
      slowConsumer: true,
      message: expect.stringContaining("slow"),
    }),
  );
  one.drain.abort();
  await running;
  await one.source.close();
});

test("a ring keeps order and its bounds over many turns", () => {
  const ring = new MessageRing({ maxMessages: 3000, maxBytes: 1e6, onOverflow: "drop_newest" });
  const message = (i: number): NatsMessage => ({ subject: String(i), data: new Uint8Array(1) });
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 2000; i++) expect(ring.push(message(next++))).toBe(0);
    for (let i = 0; i < 2000; i++) if (ring.shift()?.subject !== String(expected++)) throw new Error("order");
  }
  expect(ring.length).toBe(0);
  expect(ring.shift()).toBeUndefined();
});

test("a ring does not empty itself for a message that is larger than all of it", () => {
  const ring = new MessageRing({ maxMessages: 10, maxBytes: 100, onOverflow: "drop_oldest" });
  const message = (bytes: number): NatsMessage => ({ subject: "s", data: new Uint8Array(bytes) });
  for (let i = 0; i < 5; i++) expect(ring.push(message(20))).toBe(0);
  expect(ring.push(message(101))).toBe(1);
  expect(ring.length).toBe(5);
  expect(ring.push(message(100))).toBe(5);
  expect(ring.length).toBe(1);
});

test("what waits is bounded with its headers", async () => {
  const one = host({ subject: "large.headers", maxBufferedBytes: 50_000 });
  await one.open();
  const large = headers();
  large.set("X-Large", "x".repeat(9900));
  for (let i = 1; i <= 20; i++) fixture.client.publish("large.headers", String(i), { headers: large });
  await fixture.client.flush();
  await expect.poll(() => one.counters.droppedRows).toBe(15);
  const running = one.run();
  await one.until(5);
  expect(one.values()).toEqual(range(1, 5));
  one.drain.abort();
  await running;
  await one.source.close();
});
