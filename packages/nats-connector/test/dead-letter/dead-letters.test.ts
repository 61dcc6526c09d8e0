import { setTimeout as sleep } from "node:timers/promises";
import { defineSchema, memoryCheckpoints, silentLogger } from "@x/connector-api";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openSink, openSource } from "../../src/direct.js";
import { type Observer, observe, revive } from "../sink/sink-fixture.js";

const schema = defineSchema({ id: "BIGINT NOT NULL", region: "TEXT" });
const deadLetters = { badData: "dead_letter", deadLetter: { subject: "dlq.orders" } };
let server: NatsServer;
let observer: Observer;

beforeAll(async () => {
  server = await startNatsServer({ maxPayloadBytes: 4096 });
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const name of ["ORDERS", "BILLS", "DLQ"]) await observer.api(`STREAM.DELETE.${name}`).catch(() => {});
  await observer.createStream({ name: "ORDERS", subjects: ["orders.>"] });
  await observer.createStream({ name: "BILLS", subjects: ["bills.>"] });
  await observer.createStream({ name: "DLQ", subjects: ["dlq.>"] });
});

const common = () => ({ servers: server.url, format: "json", schema, logger: silentLogger });
const publish = (payload: string, subject = "orders.eu") => observer.client.jetstream().publish(subject, payload);

interface Letter {
  readonly text: string;
  readonly headers: string;
}
async function letters(): Promise<Letter[]> {
  const { last_seq } = await observer.stateOf("DLQ");
  const all: Letter[] = [];
  for (let seq = 1; seq <= last_seq; seq++) {
    const answer = await observer.api("STREAM.MSG.GET.DLQ", { seq });
    const { data = "", hdrs = "" } = answer.message as { data?: string; hdrs?: string };
    const decode = (base64: string): string => Buffer.from(base64, "base64").toString("latin1");
    all.push({ text: decode(data), headers: decode(hdrs) });
  }
  return all;
}

describe("dead letters of a direct source", () => {
  it("hold a commit back until the server has them, also over its death", async () => {
    const checkpoints = memoryCheckpoints();
    await publish("!poison");
    await publish('{"id":1}');
    await using source = await openSource<{ id: number }>({
      ...common(),
      ...deadLetters,
      stream: "ORDERS",
      name: "billing",
      checkpoints,
    });
    for await (const first of source.batches()) {
      expect(first.rows).toMatchObject([{ id: 1 }]);
      await first.commit();
      break;
    }
    expect(await letters()).toMatchObject([{ text: "!poison" }]);
    expect((await letters())[0]?.headers).toContain("Nats-Msg-Id: billing:ORDERS:1\r\n");

    // No room for the next one: nothing confirms it, however often it is sent.
    await observer.api("STREAM.UPDATE.DLQ", {
      ...{ name: "DLQ", subjects: ["dlq.>"], storage: "file", max_msgs: 1, discard: "new" },
    });
    await publish("!second");
    await publish('{"id":2}');
    for await (const second of source.batches()) {
      expect(second.rows).toMatchObject([{ id: 2 }]);
      let committed = false;
      const commit = second.commit().then(() => {
        committed = true;
      });
      await sleep(300);
      expect(committed).toBe(false);
      await server.kill();
      await sleep(200);
      await revive(server);
      await sleep(300);
      expect(committed).toBe(false);
      expect((await checkpoints.latest("billing", () => {}))?.splits["0"]).toMatchObject({ lastSeq: "2" });
      await observer.api("STREAM.UPDATE.DLQ", {
        ...{ name: "DLQ", subjects: ["dlq.>"], storage: "file", max_msgs: 10, discard: "new" },
      });
      await commit;
      break;
    }
    expect((await letters()).map((letter) => letter.text)).toEqual(["!poison", "!second"]);
    expect(source.counters).toMatchObject({ badRows: 2, rowsOut: 0 });
  });

  it("are single lines under framing, each with its number and an id of its own", async () => {
    await publish('{"id":1}\n!a\r\n{"id":2}\n!b');
    await using source = await openSource<{ id: number }>({
      ...common(),
      ...deadLetters,
      framing: "newline",
      stream: "ORDERS",
      name: "lines",
      checkpoints: memoryCheckpoints(),
      untilCaughtUp: true,
    });
    for await (const batch of source.batches()) {
      expect(batch.rows.map((row) => row.id)).toEqual([1, 2]);
      await batch.commit();
    }
    const found = await letters();
    expect(found.map((letter) => letter.text)).toEqual(["!a", "!b"]);
    expect(found[0]?.headers).toMatch(/X-Line: 2\r\nNats-Msg-Id: lines:ORDERS:1:2\r\n/);
    expect(found[1]?.headers).toMatch(/X-Line: 4\r\nNats-Msg-Id: lines:ORDERS:1:4\r\n/);
  });

  it("are bounded: far more than the window, and none is lost", async () => {
    for (let i = 0; i < 3000; i++) observer.client.publish("orders.eu", `!${i}`);
    await publish('{"id":1}');
    await using source = await openSource<{ id: number }>({
      ...common(),
      ...deadLetters,
      stream: "ORDERS",
      name: "many",
      checkpoints: memoryCheckpoints(),
      untilCaughtUp: true,
    });
    for await (const batch of source.batches()) await batch.commit();
    expect((await letters()).map((letter) => letter.text)).toEqual(Array.from({ length: 3000 }, (_, i) => `!${i}`));
  });

  it("end the source when there is no way to write one: a poison too large with its headers", async () => {
    await publish(`!${"x".repeat(4000)}`);
    await using source = await openSource({
      ...common(),
      ...deadLetters,
      stream: "ORDERS",
      name: "large",
      checkpoints: memoryCheckpoints(),
      untilCaughtUp: true,
    });
    const reading = source.batches().next();
    await expect(reading).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE", exitCode: 6 });
    expect(String(await reading.catch((error: unknown) => error))).not.toContain("xx");
  });

  it("work for a Core subject, which must not cover them", async () => {
    const core = { ...common(), ...deadLetters, subject: "live.>" };
    await expect(openSource({ ...core, subject: "dlq.*" })).rejects.toMatchObject({ code: "OPTION_INVALID" });
    await using source = await openSource<{ id: number }>(core);
    const next = source.batches().next();
    observer.client.publish("live.a", "!bad");
    observer.client.publish("live.a", '{"id":5}');
    const { value: batch } = await next;
    await batch?.commit();
    const [letter] = await letters();
    expect(letter?.text).toBe("!bad");
    expect(letter?.headers).toContain("X-Subject: live.a\r\n");
    expect(letter?.headers).not.toContain("X-Sequence");
  });

  it("are refused where they would vanish or come back", async () => {
    const open = (more: object) =>
      openSource({ ...common(), stream: "ORDERS", name: "x", checkpoints: memoryCheckpoints(), ...more });
    const to = (subject: string) => ({ badData: "dead_letter", deadLetter: { subject } });
    await expect(open(to("nowhere.a"))).rejects.toMatchObject({ code: "STREAM_MISMATCH", exitCode: 2 });
    await expect(open(to("orders.dead"))).rejects.toMatchObject({ code: "OPTION_INVALID" });
    await expect(open(to("dlq.>"))).rejects.toMatchObject({ code: "OPTION_INVALID" });
    const filtered = await open({ ...to("orders.dead"), consumer: { filterSubjects: "orders.eu" } });
    await filtered.close();
    await observer.api("STREAM.DELETE.DLQ");
    await observer.createStream({ name: "DLQ", subjects: ["dlq.>"], retention: "interest" });
    await expect(open(deadLetters)).rejects.toMatchObject({ code: "STREAM_MISMATCH" });
  });
});

describe("dead letters of a direct sink", () => {
  const rows = [
    { id: 1, region: "eu" },
    { id: 2, region: "a b" },
    { id: null, region: "eu" },
    { id: 2n ** 60n, region: "x".repeat(300) },
    { id: 5, region: "us" },
  ];

  it("keep rows that no subject, no schema and no stream takes, before the flush is done", async () => {
    await observer.api("STREAM.UPDATE.BILLS", { name: "BILLS", subjects: ["bills.>"], max_msg_size: 200 });
    await using sink = await openSink({ ...common(), ...deadLetters, stream: "BILLS", subject: "bills.{region}" });
    // Rows that the types refuse, as plain JavaScript could hand them in.
    await sink.write(rows as never);
    await sink.flush();
    const found = await letters();
    expect(found.map((letter) => letter.text)).toEqual([
      '{"id":2,"region":"a b"}',
      '{"id":null,"region":"eu"}',
      `{"id":1152921504606846976,"region":"${"x".repeat(300)}"}`,
    ]);
    expect(found.map((letter) => /X-Error-Code: (\w+)/.exec(letter.headers)?.[1])).toEqual([
      "BAD_DATA",
      "BAD_DATA",
      "MESSAGE_TOO_LARGE",
    ]);
    expect(sink.counters).toMatchObject({ rowsOut: 2, badRows: 3 });
  });

  it("keep what only the server finds too large", async () => {
    await using sink = await openSink({ ...common(), ...deadLetters, stream: "BILLS", subject: "bills.{region}" });
    // Behind the sink's back, after it has looked.
    await observer.api("STREAM.UPDATE.BILLS", { name: "BILLS", subjects: ["bills.>"], max_msg_size: 20 });
    await sink.write([{ id: 1, region: "eu" }]);
    await sink.flush();
    expect(await letters()).toMatchObject([{ text: '{"id":1,"region":"eu"}' }]);
  });

  it("are bounded and in order", async () => {
    await using sink = await openSink({ ...common(), ...deadLetters, subject: "bills.{region}" });
    const many = Array.from({ length: 5000 }, (_, i) => ({ id: i, region: "" }));
    await sink.write(many);
    await sink.flush();
    expect((await letters()).map((letter) => JSON.parse(letter.text).id)).toEqual(many.map((row) => row.id));
  });
});
