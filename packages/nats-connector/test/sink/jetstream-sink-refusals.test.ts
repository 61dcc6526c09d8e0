import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createJetStreamSink } from "../../src/sink/jetstream-sink.ts";
import { batchOf, createContext, jetStreamSettings, type Observer, observe, rowsOf } from "./sink-fixture.ts";

const last = { checkpointId: 1, final: true };
const admin = { user: "admin", pass: "a" };
const limited = { user: "limited", pass: "l" };
const deaf = { user: "deaf", pass: "d" };
let server: NatsServer;
let observer: Observer;

beforeAll(async () => {
  server = await startNatsServer({
    maxPayloadBytes: 4096,
    config: `authorization { users: [
      { user: admin, password: a },
      { user: limited, password: l, permissions: { publish: ["$JS.API.STREAM.INFO.OUT", "out.eu"], subscribe: "_INBOX.>" } },
      { user: deaf, password: d, permissions: { publish: ">", subscribe: "elsewhere.>" } },
    ] }`,
  });
  observer = await observe(server.url, admin);
  await observer.createStream({ name: "OUT", max_msg_size: 2048 });
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});

type Options = Omit<Parameters<typeof jetStreamSettings>[0], "url">;
const open = async (options: Options) => {
  const context = createContext();
  const sink = createJetStreamSink(jetStreamSettings({ url: server.url, user: admin, ...options }));
  try {
    await sink.open(context);
  } catch (error) {
    await sink.close();
    throw error;
  }
  return { sink, context };
};

describe("a JetStream sink refuses", () => {
  it("a stream that is not there", async () => {
    await expect(open({ stream: "NONE" })).rejects.toMatchObject({
      code: "STREAM_NOT_FOUND",
      message: 'stream "NONE" does not exist; create it with a subject that captures "out.rows"',
    });
  });

  it("a stream that does not capture every subject of the template", async () => {
    await observer.createStream({ name: "ONE", subjects: ["one.eu", "two.>"] });
    await expect(open({ stream: "ONE", subject: "one.{region}" })).rejects.toMatchObject({
      code: "STREAM_MISMATCH",
      message:
        'stream "ONE" captures "one.eu", "two.>", not every subject of "one.*"; add it to the stream\'s subjects or change subject',
    });
    const { sink } = await open({ stream: "ONE", subject: "two.{region}.{id}" });
    await sink.close();
  });

  it("a message over the server's or the stream's limit, by the bad-data policy", async () => {
    const rows = rowsOf(1, 3);
    const long = { ...rows[1], note: "x".repeat(3000) };
    const batch = batchOf([rows[0], long, rows[2]] as typeof rows);
    const failing = await open({});
    await expect(Promise.resolve(failing.sink.processBatch(batch))).rejects.toMatchObject({
      code: "MESSAGE_TOO_LARGE",
      exitCode: 6,
    });
    expect(failing.context.counters.badRows).toBe(1);
    await failing.sink.close();
    const before = (await observer.stateOf("OUT")).messages;
    const dropping = await open({ badData: { behavior: "drop" } });
    await dropping.sink.processBatch(batch);
    await dropping.sink.flush(last);
    expect(dropping.context.counters).toMatchObject({ badRows: 1, rowsOut: 2 });
    expect((await observer.stateOf("OUT")).messages).toBe(before + 2);
    await dropping.sink.close();
  });

  it("a message that only the server found too large, by the same policy", async () => {
    await observer.createStream({ name: "SHRINK", subjects: ["shrink"] });
    const { sink, context } = await open({ stream: "SHRINK", subject: "shrink", badData: { behavior: "drop" } });
    await observer.api("STREAM.UPDATE.SHRINK", { name: "SHRINK", subjects: ["shrink"], max_msg_size: 100 });
    const rows = rowsOf(1, 5);
    await sink.processBatch(
      batchOf([...rows.slice(0, 2), { ...rows[2], note: "x".repeat(200) }, ...rows.slice(3)] as typeof rows),
    );
    await sink.flush(last);
    expect(context.counters).toMatchObject({ badRows: 1, rowsOut: 4 });
    expect(await observer.idsOf("SHRINK")).toEqual([1, 2, 4, 5]);
    await sink.close();
  });

  it("a subject the user may not publish to, at once and by name", async () => {
    const { sink } = await open({ user: limited, subject: "out.{region}", ackTimeoutMs: 60_000 });
    await sink.processBatch(batchOf([{ id: 1, region: "eu", note: "" }]));
    await sink.flush(last);
    await sink.processBatch(batchOf([{ id: 2, region: "us", note: "" }]));
    await expect(sink.flush(last)).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      exitCode: 3,
      message: expect.stringMatching(
        /^cannot publish to stream ".*": the server denies this user to publish "out\.us"; it needs/,
      ),
    });
    await sink.close();
  });

  it("to start for a user who may not hear the acknowledgements", async () => {
    await expect(open({ user: deaf })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("rows whose values break out of subject or id, naming the column", async () => {
    const { sink, context } = await open({
      subject: "out.{region}",
      messageId: "{note}",
      badData: { behavior: "drop" },
    });
    await sink.processBatch(
      batchOf([
        { id: 1, region: "a.b", note: "1" },
        { id: 2, region: null, note: "2" },
        { id: 3, region: "ok", note: "3\r\nNats-Rollup: all" },
        { id: 4, region: "ok", note: "4" },
      ]),
    );
    await sink.flush(last);
    expect(context.counters).toMatchObject({ badRows: 3, rowsOut: 1 });
    await sink.close();
    const failing = await open({ subject: "out.{region}" });
    await expect(
      Promise.resolve(failing.sink.processBatch(batchOf([{ id: 1, region: "a.b", note: "" }]))),
    ).rejects.toMatchObject({
      code: "BAD_DATA",
      message: 'subject: the value of column "region" does not fit in one token of a subject',
    });
    await failing.sink.close();
  });
});
