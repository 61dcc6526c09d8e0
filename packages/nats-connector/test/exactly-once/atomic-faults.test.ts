import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { permissionsOf } from "../../src/permissions.ts";
import { parseTable } from "../../src/table-config.ts";
import { type Observer, observe, revive } from "../sink/sink-fixture.ts";
import { atomicStream, expected, inputs, notes, openWorker, positionOf, progress } from "./exactly-once-fixture.ts";

let server: NatsServer;
let observer: Observer;

beforeAll(async () => {
  server = await startNatsServer();
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await observer.api("STREAM.DELETE.OUT").catch(() => {});
  await observer.createStream(atomicStream);
});

const fenced = (instance: string) => ({
  code: "FENCED",
  exitCode: 5,
  context: { newerInstance: instance },
  message: expect.stringContaining(instance),
});

describe("of two instances", () => {
  it("the newer one writes, the older one stops and says who took over", async () => {
    const older = await openWorker(server.url, { instance: "older" });
    await older.write(inputs(1, 10));
    await older.flush();
    // These are sent ahead, and nothing of them may show.
    await older.write(inputs(11, 1200));
    const newer = await openWorker(server.url, { instance: "newer" });
    const from = Number.parseInt(String(newer.committed?.get("0")), 10) + 1;
    await older.write(inputs(1201, 3000)).catch(() => {});
    await expect(older.flush()).rejects.toMatchObject(fenced("newer"));
    await expect(older.write(inputs(3001, 3001))).rejects.toMatchObject(fenced("newer"));
    await newer.write(inputs(from, 2500));
    await newer.flush();
    expect(await notes(observer)).toEqual(expected(2500));
    await older.sink.close();
    await newer.sink.close();
  });

  it("the newer one comes in, however busy the older one is", async () => {
    const older = await openWorker(server.url, { instance: "older" });
    let next = 1;
    const busy = (async () => {
      for (;;) {
        await older.write(inputs(next, next + 199));
        next += 200;
        await older.flush();
      }
    })();
    const stopped = expect(busy).rejects.toMatchObject(fenced("newer"));
    await expect.poll(() => older.counters.rowsOut).toBeGreaterThan(1000);
    const newer = await openWorker(server.url, { instance: "newer" });
    await stopped;
    const from = Number.parseInt(String(newer.committed?.get("0")), 10) + 1;
    await newer.write(inputs(from, from + 99));
    await newer.flush();
    expect(await notes(observer)).toEqual(expected(from + 99));
    await older.sink.close();
    await newer.sink.close();
  });
});

describe("an exactly-once sink goes on", () => {
  it("when acknowledgements are lost with the connection, without writing anything twice", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    const worker = await openWorker(proxy.url);
    for (let round = 0; round < 4; round++) {
      await worker.write(inputs(round * 1500 + 1, round * 1500 + 1000));
      // What is sent from here on arrives, and nobody learns of it.
      proxy.blackhole(true, "fromTarget");
      await worker.write(inputs(round * 1500 + 1001, round * 1500 + 1500));
      const flushed = worker.flush();
      await sleep(150);
      proxy.cut();
      proxy.blackhole(false, "fromTarget");
      await flushed;
    }
    expect(await notes(observer)).toEqual(expected(6000));
    expect(worker.counters.rowsOut).toBe(6000);
    await worker.sink.close();
  });

  it("when every acknowledgement is late, and never takes its own commit for another's", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    const worker = await openWorker(proxy.url, { ackTimeoutMs: 15, maxInFlight: 300 });
    proxy.delay(30);
    for (let from = 1; from <= 3000; from += 100) await worker.write(inputs(from, from + 99));
    await worker.flush();
    expect(await notes(observer)).toEqual(expected(3000));
    expect(worker.debugged.join()).toMatch(/is in the stream/);
    await worker.sink.close();
  });

  it("when the server is killed again and again", async () => {
    const worker = await openWorker(server.url);
    let done = false;
    const kills = (async () => {
      for (let kill = 0; kill < 3; kill++) {
        await sleep(100);
        await server.kill();
        await sleep(50);
        await revive(server);
      }
      done = true;
    })();
    let next = 1;
    while (!done) {
      await worker.write(inputs(next, next + 99));
      next += 100;
      await sleep(2);
    }
    await kills;
    await worker.flush();
    expect(await notes(observer)).toEqual(expected(next - 1));
    await worker.sink.close();
  });

  it("when a full stream has room again", async () => {
    const { config } = (await observer.api("STREAM.INFO.OUT")) as { config: object };
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msgs: 500, discard: "new" });
    const worker = await openWorker(server.url, { maxInFlight: 200 });
    const written = (async () => {
      for (let from = 1; from <= 1000; from += 100) await worker.write(inputs(from, from + 99));
      await worker.flush();
    })();
    await expect.poll(() => worker.warnings.join()).toMatch(/maximum messages exceeded/);
    expect(worker.counters.rowsOut).toBeLessThan(500);
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msgs: -1, discard: "new" });
    await written;
    expect(await notes(observer)).toEqual(expected(1000));
    await worker.sink.close();
  });

  it("without an output that the stream no longer takes, under bad_data = 'drop'", async () => {
    const worker = await openWorker(server.url, { badData: { behavior: "drop" } });
    const { config } = (await observer.api("STREAM.INFO.OUT")) as { config: object };
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msg_size: 400 });
    const batch = inputs(1, 20);
    Object.assign(batch.rows[6] as object, { note: "x".repeat(500) });
    await worker.write(batch);
    await worker.flush();
    expect(await notes(observer)).toEqual(expected(20).filter((note) => note !== "7.0"));
    expect(worker.counters).toMatchObject({ rowsOut: 19, badRows: 1 });
    await worker.sink.close();
  });
});

describe("an exactly-once sink ends", () => {
  it("at an output that the stream no longer takes, under bad_data = 'fail', and writes nothing of that transaction", async () => {
    const worker = await openWorker(server.url);
    const { config } = (await observer.api("STREAM.INFO.OUT")) as { config: object };
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msg_size: 400 });
    const batch = inputs(1, 20);
    Object.assign(batch.rows[6] as object, { note: "x".repeat(500) });
    await worker.write(batch);
    await expect(worker.flush()).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    expect(await notes(observer)).toEqual([]);
    await worker.sink.close();
  });

  it("when its progress is purged under it", async () => {
    const worker = await openWorker(server.url);
    await worker.write(inputs(1, 10));
    await worker.flush();
    await observer.api("STREAM.PURGE.OUT");
    await worker.write(inputs(11, 20));
    await expect(worker.flush()).rejects.toMatchObject({ code: "PROGRESS_MISMATCH", exitCode: 4 });
    expect(await notes(observer)).toEqual([]);
    await worker.sink.close();
  });

  it("when the stream is deleted under it", async () => {
    // Not OUT: what is deleted and made again at once may find old messages there.
    await observer.createStream({ ...atomicStream, name: "GONE", subjects: ["gone.>"] });
    const worker = await openWorker(server.url, { stream: "GONE", subject: "gone.rows" });
    await observer.api("STREAM.DELETE.GONE");
    await worker.write(inputs(1, 10));
    await expect(worker.flush()).rejects.toMatchObject({ code: "STREAM_NOT_FOUND", exitCode: 2 });
    await worker.sink.close();
  });

  it("when it is closed in the middle, and the next one goes on where the stream stands", async () => {
    let next = 1;
    for (let run = 0; run < 6; run++) {
      const worker = await openWorker(server.url);
      next = Number.parseInt(String(worker.committed?.get("0") ?? "0"), 10) + 1;
      await worker.write(inputs(next, next + 1600));
      await sleep(run * 4);
      await worker.sink.close();
    }
    const last = await openWorker(server.url);
    next = Number.parseInt(String(last.committed?.get("0")), 10) + 1;
    await last.write(inputs(next, next + 99));
    await last.flush();
    expect(await notes(observer)).toEqual(expected(next + 99));
    expect(await progress(observer)).toMatchObject([{ epoch: 7, position: positionOf(next + 99) }]);
    await last.sink.close();
  });
});

it("a user who may not publish progress learns it at the start, one who may not publish outputs at the first", async () => {
  const table = { type: "jetstream-sink", stream: "OUT", subject: "out.rows", delivery: "exactly_once" };
  const needs = permissionsOf({ profile: { inboxPrefix: "_INBOX" }, table: parseTable(table) });
  await using guarded = await startNatsServer({
    config: `authorization { users: [
      { user: all, password: x },
      { user: exact, password: x, permissions: { publish: ${JSON.stringify(needs.publish)}, subscribe: ${JSON.stringify(needs.subscribe)} } },
      { user: out, password: x, permissions: { publish: ["out.rows", "$JS.API.>"] } },
      { user: progress, password: x, permissions: { publish: ["out.__progress.>", "$JS.API.>"] } } ] }`,
  });
  await using all = await observe(guarded.url, { user: "all", pass: "x" });
  await all.createStream(atomicStream);
  await expect(openWorker(guarded.url, { user: { user: "out", pass: "x" } })).rejects.toMatchObject({
    code: "PERMISSION_DENIED",
    message: expect.stringContaining("out.__progress.p.0"),
  });
  const allowed = await openWorker(guarded.url, { user: { user: "exact", pass: "x" } });
  await allowed.write(inputs(1, 1));
  await allowed.flush();
  await allowed.sink.close();
  const worker = await openWorker(guarded.url, { user: { user: "progress", pass: "x" } });
  await worker.write(inputs(1, 1));
  await expect(worker.flush()).rejects.toMatchObject({
    code: "PERMISSION_DENIED",
    message: expect.stringContaining("out.rows"),
  });
  await worker.sink.close();
});
