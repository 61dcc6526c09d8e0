import { setTimeout as sleep } from "node:timers/promises";
import { type NatsFrame, type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Observer, observe, revive } from "../sink/sink-fixture.ts";
import {
  expected,
  inputs,
  messageIds,
  notes,
  openWorker,
  outputs,
  positionOf,
  progress,
  type Worker,
  type WorkerOptions,
} from "./exactly-once-fixture.ts";
import { isProgress } from "./staging-fixture.ts";

let server: NatsServer;
let observer: Observer;

beforeAll(async () => {
  server = await startNatsServer();
  observer = await observe(server.url);
}, 60_000);
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await observer.api("STREAM.DELETE.OUT").catch(() => {});
  await observer.createStream({ name: "OUT", allow_rollup_hdrs: true });
});

const open = (url: string, options: WorkerOptions = {}) => openWorker(url, { soleWriter: false, ...options });

/** Where the next worker goes on. */
const nextOf = ({ committed }: Worker): number => Number.parseInt(String(committed?.get("0") ?? "0"), 10) + 1;
const byInput = (found: readonly string[]): string[] => found.toSorted((a, b) => Number(a) - Number(b));
const publishForeign = () => observer.client.jetstream().publish("out.other", JSON.stringify({ note: "foreign" }));
/** A stream that forgets ids at once, and time enough to forget them. */
const shortWindow = { name: "OUT", allow_rollup_hdrs: true, duplicate_window: 500e6 } as const;
const isReading = ({ subject, payload }: NatsFrame): boolean =>
  subject.includes("STREAM.MSG.GET") && payload.includes('"seq"');
const forget = () => sleep(600);

describe("outputs with ids and a fence", () => {
  it("are written in order beside others' messages; progress says whether anything may lie beyond it", async () => {
    const first = await open(server.url, { instance: "first" });
    expect(first.committed).toEqual(new Map());
    for (let from = 1; from <= 3000; from += 500) {
      await first.write(inputs(from, from + 499));
      await publishForeign();
    }
    expect(await progress(observer)).toMatchObject([{ mode: "fenced-msgid", commit: 1, position: null, open: {} }]);
    await first.flush();
    expect(first.counters.rowsOut).toBe(3000);
    const [told] = await progress(observer);
    expect(told).toMatchObject({ epoch: 1, commit: 2, position: positionOf(3000), ids: "first" });
    expect(told).not.toHaveProperty("open");
    await first.sink.close();

    const second = await open(server.url, { instance: "second" });
    expect(second.committed).toEqual(new Map([["0", positionOf(3000)]]));
    await second.write(
      inputs(3001, 3100),
      inputs(3101, 3200, () => 0),
    );
    await second.flush(true);
    await second.sink.close();
    expect(await progress(observer)).toMatchObject([{ epoch: 2, position: positionOf(3200), final: true }]);
    const stored = await outputs(observer);
    expect(stored.filter(({ note }) => note !== "foreign").map(({ note }) => note)).toEqual(expected(3100));
    expect((await messageIds(observer)).at(-1)).toBe("first:0:3100:0");
  });

  it("that were stored and not told are not written again, whatever the stream still knows of ids", async () => {
    await observer.api("STREAM.DELETE.OUT");
    await observer.createStream(shortWindow);
    const fanOut = (input: number): number => 1 + (input % 3);
    await using proxy = await startFaultProxy({ target: server.url });
    let from = 1;
    for (let run = 0; run < 4; run++) {
      const worker = await open(proxy.url);
      from = nextOf(worker);
      await worker.write(inputs(from, from + 99, fanOut));
      if (run % 2 === 1) await worker.flush();
      await worker.write(inputs(from + 100, from + 299, fanOut));
      await sleep(run);
      // As a killed process: what is under way arrives in part, and nothing is told.
      proxy.cut();
      await worker.sink.close();
      await forget();
    }
    const last = await open(server.url);
    from = nextOf(last);
    await last.write(inputs(from, from + 399, fanOut));
    await last.flush();
    expect(byInput(await notes(observer))).toEqual(expected(from + 399, fanOut));
    expect((await messageIds(observer)).length).toBe(new Set(await messageIds(observer)).size);
    await last.sink.close();
  });

  it("of one more start, before those found are passed, are found again", async () => {
    const first = await open(server.url);
    await first.write(inputs(1, 100));
    await expect.poll(() => first.counters.rowsOut).toBe(100);
    await first.sink.close();
    const second = await open(server.url);
    await second.write(inputs(1, 10));
    await second.flush();
    expect(second.counters.rowsOut).toBe(0);
    expect(await progress(observer)).toMatchObject([{ position: positionOf(10), open: { after: 2 } }]);
    await second.sink.close();
    const third = await open(server.url);
    await third.write(inputs(11, 120));
    await third.flush();
    await third.sink.close();
    expect(await notes(observer)).toEqual(expected(120));
    expect((await progress(observer))[0]).not.toHaveProperty("open");
  });

  it("of an older instance are refused from the moment a newer one has claimed, however busy it is", async () => {
    const older = await open(server.url, { instance: "older" });
    let next = 1;
    const busy = (async () => {
      for (;;) {
        await older.write(inputs(next, next + 199));
        next += 200;
        await sleep(1);
      }
    })();
    const stopped = expect(busy).rejects.toMatchObject({ code: "FENCED", message: expect.stringContaining("newer") });
    await expect.poll(() => older.counters.rowsOut, { timeout: 10_000 }).toBeGreaterThan(2000);
    const newer = await open(server.url, { instance: "newer" });
    await stopped;
    const from = nextOf(newer);
    expect(from).toBe(1);
    await newer.write(inputs(1, next + 500));
    await newer.flush();
    expect(byInput(await notes(observer))).toEqual(expected(next + 500));
    await older.sink.close();
    await newer.sink.close();
  });

  it("reach the stream once when acknowledgements are lost, late, and the server is killed", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    const worker = await open(proxy.url, { ackTimeoutMs: 500, maxInFlight: 1500 });
    let next = 1;
    const write = async (count: number): Promise<void> => {
      await worker.write(inputs(next, next + count - 1));
      next += count;
    };
    for (let round = 0; round < 3; round++) {
      await write(300);
      proxy.blackhole(true, "fromTarget");
      await write(100);
      await sleep(100);
      proxy.cut();
      proxy.blackhole(false, "fromTarget");
      await write(300);
      if (round === 1) await worker.flush();
    }
    for (let kill = 0; kill < 2; kill++) {
      const writing = write(2000);
      const flushed = kill === 0 ? worker.flush() : undefined;
      await sleep(20);
      await server.kill();
      await revive(server);
      await writing;
      await flushed;
    }
    await worker.flush();
    expect(byInput(await notes(observer))).toEqual(expected(next - 1));
    expect(worker.counters.rowsOut).toBe(next - 1);
    await worker.sink.close();
  });

  it("of several splits are stored once when the connection breaks as it is found out which of them are", async () => {
    await observer.api("STREAM.DELETE.OUT");
    await observer.createStream({ ...shortWindow, duplicate_window: 100e6 });
    await using proxy = await startFaultProxy({ target: server.url });
    const splits = ["0/2", "1/2"];
    const worker = await open(proxy.url, { ackTimeoutMs: 200, splits });
    let next = 1;
    const write = async (count: number): Promise<void> => {
      for (const split of splits) await worker.write(inputs(next, next + count - 1, () => 1, split));
      next += count;
    };
    // Before each of the records that move the fences, and while what lies behind the first is read.
    for (const [op, nth] of [
      [isProgress, 1],
      [isProgress, 2],
      [isReading, 3],
    ] as const) {
      // After trouble messages go out one by one at first.
      await write(100);
      await expect.poll(() => worker.counters.rowsOut).toBe(2 * (next - 1));
      proxy.blackhole(true, "fromTarget");
      await write(50);
      await expect.poll(async () => (await notes(observer)).length).toBe(2 * (next - 1));
      await sleep(120);
      let seen = 0;
      using _cut = proxy.intercept("toTarget", (frame) => (op(frame) && ++seen === nth ? "cut" : "pass"));
      proxy.cut();
      proxy.blackhole(false, "fromTarget");
      await expect.poll(() => worker.counters.rowsOut).toBe(2 * (next - 1));
      expect(seen).toBeGreaterThanOrEqual(nth);
    }
    await worker.flush();
    expect((await notes(observer)).toSorted()).toEqual([...expected(next - 1), ...expected(next - 1)].toSorted());
    await worker.sink.close();
  });

  it("are not sent again when they are there, whatever the stream still knows of ids: it is read before", async () => {
    await observer.api("STREAM.DELETE.OUT");
    await observer.createStream(shortWindow);
    await using proxy = await startFaultProxy({ target: server.url });
    const worker = await open(proxy.url, { ackTimeoutMs: 300 });
    await worker.write(inputs(1, 100));
    await worker.flush();
    await worker.write(inputs(101, 110));
    await expect.poll(() => worker.counters.rowsOut).toBe(110);
    proxy.blackhole(true, "fromTarget");
    await worker.write(inputs(111, 200));
    await expect.poll(async () => (await notes(observer)).length, { timeout: 10_000 }).toBe(200);
    await forget();
    proxy.cut();
    proxy.blackhole(false, "fromTarget");
    await worker.write(inputs(201, 300));
    await worker.flush();
    expect(worker.counters.rowsOut).toBe(300);
    expect(await notes(observer)).toEqual(expected(300));
    await worker.sink.close();
  });
});

describe("a start with ids refuses", () => {
  it("what it cannot prove any more: messages behind old progress are gone; as often as it is tried", async () => {
    await observer.api("STREAM.DELETE.OUT");
    await observer.createStream(shortWindow);
    const first = await open(server.url);
    await first.write(inputs(1, 10));
    await first.flush();
    await first.write(inputs(11, 20));
    await expect.poll(() => first.counters.rowsOut).toBe(20);
    await first.sink.close();
    const [, , removed] = (await outputs(observer)).slice(-5);
    await observer.api("STREAM.MSG.DELETE.OUT", { seq: removed?.seq });
    await forget();
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(open(server.url)).rejects.toMatchObject({
        code: "PROGRESS_MISMATCH",
        exitCode: 4,
        message: expect.stringMatching(
          /0\.8 of duplicate_window.*messages behind it were removed.*start under a new name with deliver_policy = 'by_start_sequence'/,
        ),
      });
    }
    expect((await notes(observer)).length).toBe(19);
  });

  it("to go on in another mode before nothing lies behind its progress", async () => {
    const first = await open(server.url);
    await first.write(inputs(1, 10));
    await expect.poll(() => first.counters.rowsOut).toBe(10);
    await first.sink.close();
    const { config } = (await observer.api("STREAM.INFO.OUT")) as { config: object };
    await observer.api("STREAM.UPDATE.OUT", { ...config, allow_atomic: true });
    for (const options of [{}, { soleWriter: true }]) {
      await expect(open(server.url, options)).rejects.toMatchObject({ code: "PROGRESS_MISMATCH" });
    }
    await observer.api("STREAM.UPDATE.OUT", { ...config, allow_atomic: false });
    const second = await open(server.url);
    await second.write(inputs(1, 20));
    await second.flush(true);
    await second.sink.close();
    await observer.api("STREAM.UPDATE.OUT", { ...config, allow_atomic: true });
    const third = await open(server.url);
    await third.write(inputs(nextOf(third), 30));
    await third.flush();
    await third.sink.close();
    expect(await notes(observer)).toEqual(expected(30));
  });
});
