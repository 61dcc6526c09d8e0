import type { Row } from "@x/connector-api";
import { type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createJetStreamSink } from "../../src/sink/jetstream-sink.ts";
import { batchOf, createContext, jetStreamSettings, type Observer, observe, rowsOf } from "./sink-fixture.ts";

const last = { checkpointId: 1, final: true };
const user = { user: "sink", pass: "s" };
const admin = { user: "admin", pass: "a" };
let server: NatsServer;
let observer: Observer;
let streams = 0;
/** Whether the configuration is not the first one. */
let changed = false;

/** The server's configuration: what the sink's user may do, and what its account has. */
const configOf = ({ publish = '">"', subscribe = '">"', jetstream = "enabled" } = {}): string => `
  accounts { A: { jetstream: ${jetstream}, users: [
    { user: admin, password: a },
    { user: sink, password: s, permissions: { publish: ${publish}, subscribe: ${subscribe} } } ] } }`;

beforeAll(async () => {
  server = await startNatsServer({ config: configOf() });
  observer = await observe(server.url, admin);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});

afterEach(async () => {
  if (changed) await server.reload(configOf());
  changed = false;
});

type Options = Omit<Parameters<typeof jetStreamSettings>[0], "url" | "stream" | "subject">;

/** Gives the server another configuration until the end of the test. */
async function change(config: string): Promise<void> {
  changed = true;
  await server.reload(config);
}

/** A sink that has written a row into a stream of its own, and what changes that stream. */
async function started(options: Options = {}, config: object = {}) {
  const name = `S${++streams}`;
  const subject = `s${streams}`;
  await observer.createStream({ name, subjects: [`${subject}.>`], ...config });
  const context = createContext();
  const table = { stream: name, subject: `${subject}.rows`, user, ackTimeoutMs: 500, ...options };
  const sink = createJetStreamSink(jetStreamSettings({ url: server.url, ...table }));
  try {
    await sink.open(context);
    await sink.processBatch(batchOf(rowsOf(1, 1)));
    await sink.flush(last);
  } catch (error) {
    await sink.close();
    throw error;
  }
  return {
    name,
    subject,
    context,
    async update(patch: object) {
      const { config } = (await observer.api(`STREAM.INFO.${name}`)) as { config: object };
      await observer.api(`STREAM.UPDATE.${name}`, { ...config, ...patch });
    },
    /** Writes these rows and waits for them; the sink is closed then. */
    async write(rows: Row[]) {
      try {
        await sink.processBatch(batchOf(rows));
        await sink.flush(last);
      } finally {
        await sink.close();
      }
    },
  };
}

const withLong = (length: number): Row[] =>
  rowsOf(2, 6).map((row) => (row.id === 4 ? { ...row, note: "x".repeat(length) } : row));

describe("a JetStream sink whose stream is changed under it", { timeout: 30_000 }, () => {
  it("says that the subject is no longer captured", async () => {
    const { update, write, name } = await started();
    await update({ subjects: ["elsewhere.>"] });
    await expect(write(rowsOf(2, 9))).rejects.toMatchObject({
      code: "STREAM_MISMATCH",
      message: expect.stringContaining(`stream "${name}" captures "elsewhere.>"`),
    });
  });

  it("says that another stream captures it now", async () => {
    const { update, write, subject } = await started();
    await update({ subjects: [`${subject}.other`] });
    await observer.createStream({ name: `THIEF-${subject}`, subjects: [`${subject}.rows`] });
    await expect(write(rowsOf(2, 9))).rejects.toMatchObject({
      code: "STREAM_MISMATCH",
      message: expect.stringMatching(/another stream captures the subject/),
    });
    expect((await observer.stateOf(`THIEF-${subject}`)).messages).toBe(0);
  });

  it("says that it was sealed", async () => {
    const { update, write } = await started();
    await update({ sealed: true });
    await expect(write(rowsOf(2, 9))).rejects.toMatchObject({ code: "STREAM_MISMATCH", exitCode: 2 });
  });

  it("says that it acknowledges nothing any more", async () => {
    const { update, write } = await started({ ackTimeoutMs: 100 });
    await update({ no_ack: true });
    await expect(write(rowsOf(2, 3))).rejects.toMatchObject({
      code: "STREAM_MISMATCH",
      message: expect.stringContaining("no_ack"),
    });
  });

  it("goes on when it was purged, or deleted and made anew", async () => {
    const { name, subject, write } = await started();
    await observer.api(`STREAM.DELETE.${name}`);
    await observer.createStream({ name, subjects: [`${subject}.>`] });
    await write(rowsOf(2, 9));
    expect(await observer.idsOf(name)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    const purged = await started();
    await observer.api(`STREAM.PURGE.${purged.name}`);
    await purged.write(rowsOf(2, 9));
    expect(await observer.idsOf(purged.name)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("says that a header it sends is no longer taken, in a way that makes a host look again", async () => {
    const { update, write } = await started({ headers: { "Nats-Rollup": "sub" } }, { allow_rollup_hdrs: true });
    await update({ allow_rollup_hdrs: false });
    await expect(write(rowsOf(2, 3))).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      retry: "rebuild",
      message: expect.stringContaining("set allow_rollup_hdrs on the stream"),
    });
  });
});

describe("a JetStream sink whose user or server is changed under it", { timeout: 30_000 }, () => {
  it("says that the right to publish was taken away", async () => {
    const { subject, write } = await started();
    await change(configOf({ publish: '["$JS.>"]' }));
    await expect(write(rowsOf(2, 9))).rejects.toMatchObject({
      code: "PERMISSION_DENIED",
      exitCode: 3,
      message: expect.stringContaining(`"${subject}.rows"`),
    });
  });

  it("says that the right to hear acknowledgements was taken away", async () => {
    const { write } = await started({ ackTimeoutMs: 60_000 });
    await change(configOf({ subscribe: '"nothing"' }));
    await expect(write(rowsOf(2, 9))).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("says that JetStream was turned off for the account", async () => {
    const { write } = await started();
    await change(configOf({ jetstream: "disabled" }));
    await expect(write(rowsOf(2, 9))).rejects.toMatchObject({ code: "CAPABILITY_MISSING", exitCode: 2 });
  });

  it("waits while the account's storage is full, and loses nothing", async () => {
    const { name, context, write } = await started();
    await change(configOf({ jetstream: "{ max_file: 100000 }" }));
    const written = write(withLong(80_000).concat(withLong(80_000)));
    await expect.poll(() => context.warnings.join(), { timeout: 10_000 }).toMatch(/limits exceeded for account; retr/);
    expect(context.counters.rowsOut).toBeLessThan(11);
    await server.reload(configOf());
    await written;
    // Shorter ones that were under way already may have found room before.
    expect((await observer.idsOf(name)).toSorted()).toEqual([1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
  });

  it("applies the bad-data policy to what another server in its place no longer takes", async () => {
    const before = await startNatsServer();
    const { url, port } = before;
    await using first = await observe(url);
    await first.createStream({ name: "OUT" });
    await using proxy = await startFaultProxy({ target: url });
    const context = createContext();
    const sink = createJetStreamSink(jetStreamSettings({ url: proxy.url, badData: { behavior: "drop" } }));
    await sink.open(context);
    await proxy.refuse(true);
    proxy.cut();
    await before[Symbol.asyncDispose]();
    await sink.processBatch(batchOf(withLong(10_000)));
    await using after = await startNatsServer({ port, maxPayloadBytes: 4096 });
    await using second = await observe(after.url);
    await second.createStream({ name: "OUT" });
    await proxy.refuse(false);
    await sink.flush(last);
    await sink.close();
    expect(await second.idsOf("OUT")).toEqual([2, 3, 5, 6]);
    expect(context.counters).toMatchObject({ badRows: 1, rowsOut: 4 });
  });
});

describe("a JetStream sink refuses at its start", () => {
  it("a stream that acknowledges nothing, unless nobody asks for it", async () => {
    await expect(started({}, { no_ack: true })).rejects.toMatchObject({ code: "STREAM_MISMATCH" });
    const { write } = await started({ delivery: "at_most_once" }, { no_ack: true });
    await write(rowsOf(2, 3));
  });

  it.each([
    ["Nats-Rollup", "allow_rollup_hdrs"],
    ["nats-ttl", "allow_msg_ttl"],
    ["Nats-Incr", "allow_msg_counter"],
    ["Nats-Schedule", "allow_msg_schedules"],
  ])("the header %s without %s", async (header, setting) => {
    await expect(started({ headers: { [header]: "1" } })).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      message: expect.stringContaining(setting),
    });
  });
});

describe("a JetStream sink applies the bad-data policy to", () => {
  it("headers longer than any stream takes", async () => {
    const { name, context, write } = await started({ headers: { A: "{note}" }, badData: { behavior: "drop" } });
    await write(withLong(70_000));
    expect(await observer.idsOf(name)).toEqual([1, 2, 3, 5, 6]);
    expect(context.counters).toMatchObject({ badRows: 1, rowsOut: 5 });
  });

  it("a header that says nothing to the stream", async () => {
    const headers = { "Nats-TTL": "{note}" };
    const badData = { behavior: "drop" } as const;
    const { name, context, write } = await started({ headers, badData }, { allow_msg_ttl: true });
    await write(rowsOf(2, 6).map((row) => ({ ...row, note: row.id === 4 ? "soon" : "1h" })));
    expect(await observer.idsOf(name)).toEqual([2, 3, 5, 6]);
    expect(context.counters).toMatchObject({ badRows: 2, rowsOut: 4 });
  });

  it.each(["new", "old"])("a message longer than the whole stream may be, with discard = %s", async (discard) => {
    const { context, write } = await started({ badData: { behavior: "drop" } }, { max_bytes: 3000, discard });
    await write(withLong(5000));
    expect(context.counters).toMatchObject({ badRows: 1, rowsOut: 5 });
  });
});
