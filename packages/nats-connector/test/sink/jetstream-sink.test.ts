import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sequenceOf } from "../../src/jetstream/position.ts";
import { createJetStreamSink } from "../../src/sink/jetstream-sink.ts";
import { batchOf, createContext, jetStreamSettings, type Observer, observe, rowsOf } from "./sink-fixture.ts";

const last = { checkpointId: 1, final: true };
let server: NatsServer;
let observer: Observer;

beforeAll(async () => {
  server = await startNatsServer({ maxPayloadBytes: 64 * 1024 });
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await observer.api("STREAM.DELETE.OUT").catch(() => {});
});

describe("a JetStream sink", () => {
  it("stores rows in order and confirms them at the barrier", async () => {
    await observer.createStream({ name: "OUT" });
    const context = createContext();
    const sink = createJetStreamSink(jetStreamSettings({ url: server.url, messageId: "{id}" }));
    await sink.open(context);
    for (let from = 1; from <= 10_000; from += 1000) await sink.processBatch(batchOf(rowsOf(from, from + 999)));
    await sink.flush(last);
    expect(context.counters.rowsOut).toBe(10_000);
    expect((await observer.stateOf("OUT")).messages).toBe(10_000);
    expect(await observer.idsOf("OUT")).toEqual(rowsOf(1, 10_000).map((row) => row.id));
    await sink.close();
    await sink.close();
    expect(context.warnings).toEqual([]);
  });

  it("sends templates as subject, message id and headers", async () => {
    await observer.createStream({ name: "OUT" });
    const sink = createJetStreamSink(
      jetStreamSettings({
        url: server.url,
        subject: "out.{region}.{id}",
        messageId: "m-{id}",
        headers: { "X-Kind": "row", "X-Note": "note={note}", "X-Region": "{region}" },
      }),
    );
    await sink.open(createContext());
    await sink.processBatch(batchOf([{ id: 9007199254740993n, region: "eu", note: null }]));
    await sink.processBatch(
      batchOf([
        { id: 7, region: "us", note: "größe" },
        { id: 7, region: "us", note: "again" },
      ]),
    );
    await sink.flush(last);
    const { messages } = await observer.stateOf("OUT");
    expect(messages).toBe(2);
    const jsm = await observer.client.jetstreamManager();
    const one = await jsm.streams.getMessage("OUT", { seq: 1 });
    expect(one.subject).toBe("out.eu.9007199254740993");
    expect(one.header.get("X-Kind")).toBe("row");
    expect(one.header.has("X-Note")).toBe(false);
    const two = await jsm.streams.getMessage("OUT", { seq: 2 });
    expect(two.subject).toBe("out.us.7");
    expect(two.header.get("X-Note")).toBe("note=größe");
    expect(two.header.get("Nats-Msg-Id")).toBe("m-7");
    expect(two.header.get("Nats-Expected-Stream")).toBe("OUT");
    await sink.close();
  });

  it("says in headers which message of which stream a row comes from", async () => {
    await observer.createStream({ name: "OUT" });
    const sink = createJetStreamSink(jetStreamSettings({ url: server.url, lineage: true, maxInFlight: 2 }));
    await sink.open({ ...createContext(), origin: { stream: "IN", splits: ["0"], sequenceOf } });
    const positions = ["7.1.1", "9.2.1", "9.2.1", "9.2.1", "10.3.1"];
    await sink.processBatch({ rows: rowsOf(1, 5), split: "0", positions, end: "12.5.1" });
    await sink.flush(last);
    const jsm = await observer.client.jetstreamManager();
    const seen: (string | undefined)[][] = [];
    for (let seq = 1; seq <= 5; seq++) {
      const { header } = await jsm.streams.getMessage("OUT", { seq });
      const names = ["X-Source-Stream", "X-Source-Sequence", "X-Source-Index", "X-Pipeline", "X-Job"];
      seen.push(names.map((name) => (header.has(name) ? header.get(name) : undefined)));
    }
    expect(seen).toEqual([
      ["IN", "7", undefined, "test", "job"],
      ["IN", "9", undefined, "test", "job"],
      ["IN", "9", "1", "test", "job"],
      ["IN", "9", "2", "test", "job"],
      ["IN", "10", undefined, "test", "job"],
    ]);
    await sink.close();
  });

  it("refuses lineage where rows come from nowhere that has a name, before it connects", async () => {
    const sink = createJetStreamSink(jetStreamSettings({ url: "nats://127.0.0.1:1", lineage: true }));
    await expect(sink.open(createContext())).rejects.toMatchObject({ code: "OPTION_CONFLICT" });
  });

  it("stores rows without acknowledgements with delivery = 'at_most_once'", async () => {
    await observer.createStream({ name: "OUT" });
    const context = createContext();
    const sink = createJetStreamSink(jetStreamSettings({ url: server.url, delivery: "at_most_once" }));
    await sink.open(context);
    for (let from = 1; from <= 5000; from += 1000) await sink.processBatch(batchOf(rowsOf(from, from + 999)));
    await sink.flush(last);
    expect(context.counters.rowsOut).toBe(5000);
    // The server has them all; it stores them a moment later, and may drop some: that is what at most once means.
    await expect.poll(async () => (await observer.stateOf("OUT")).messages).toBeGreaterThan(4000);
    const ids = await observer.idsOf("OUT");
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    await sink.close();
  });
});
