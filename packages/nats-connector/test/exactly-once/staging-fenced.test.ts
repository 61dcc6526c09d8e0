import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Observer, observe } from "../sink/sink-fixture.ts";
import {
  inputs,
  messageIds,
  notes,
  openWorker,
  positionOf,
  progress,
  type WorkerOptions,
} from "./exactly-once-fixture.ts";
import { callsOf, drawn, isPublish, killBefore, nextOf, runUntilKilled, stagingOf, stored } from "./staging-fixture.ts";

let server: NatsServer;
let observer: Observer;
const open = (options: WorkerOptions = {}, url = server.url) =>
  openWorker(url, { soleWriter: false, deterministic: false, ...options });
const rowsOf = (input: number): number => (input === 2 ? 5 : 1);
/** A stage takes several messages. */
const large = { region: "x".repeat(6000) };
const isOutput = (frame: Parameters<typeof isPublish>[0]): boolean =>
  isPublish(frame) && !frame.subject.includes("__progress");

beforeAll(async () => {
  server = await startNatsServer({ config: "max_payload: 16384" });
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

describe("outputs with ids that differ each time", () => {
  it("are staged first where an input has several, and gone from the progress subject at the next barrier", async () => {
    const worker = await open({ maxInFlight: 100 });
    const many = (input: number): number => (input % 3 === 0 ? 300 : input % 3);
    await worker.write(drawn(1, 7, many, "a"), drawn(8, 12, many, "b"));
    await worker.flush();
    expect(worker.counters.rowsOut).toBe(4 * 303);
    expect(callsOf(await notes(observer), 12, many)).toEqual([..."aaaaaaa", ..."bbbbb"]);
    const left = await progress(observer);
    expect(left).toMatchObject([{ v: 1, position: positionOf(12) }]);
    expect(left[0]).not.toHaveProperty("staged");
    expect(left[0]).not.toHaveProperty("open");
    await worker.sink.close();
  });

  it.each([true, false])(
    "are of one call, wherever it is killed (allow_rollup_hdrs: %s)",
    async (rollup) => {
      await using proxy = await startFaultProxy({ target: server.url });
      let unfinished = 0;
      await observer.api("STREAM.DELETE.OUT").catch(() => {});
      // Ids are forgotten at once: only what is read can tell.
      await observer.createStream({ name: "OUT", allow_rollup_hdrs: rollup, duplicate_window: 100e6 });
      for (let n = 1, isOver = false; !isOver; n++) {
        await observer.api("STREAM.PURGE.OUT");
        const pipeline = `p${n}`;
        const first = await open({ pipeline }, proxy.url);
        const { last_seq: claim } = await observer.stateOf("OUT");
        const kill = killBefore(proxy, n, isPublish);
        isOver = !(await runUntilKilled(first, drawn(1, 4, rowsOf, "a", large), kill));
        kill[Symbol.dispose]();
        // What it has sent before has its time to arrive.
        if (!isOver) await expect.poll(async () => (await observer.stateOf("OUT")).last_seq).toBe(claim + n - 1);
        await sleep(150);
        const second = await open({ pipeline });
        const from = nextOf(second);
        await second.write(drawn(from, 5, rowsOf, "b", large));
        await second.flush();
        await second.sink.close();
        const calls = callsOf(await notes(observer), 5, rowsOf);
        expect(calls[1], `killed before message ${n}`).toBe(from > 2 ? "a" : "b");
        if (from === 3) unfinished += 1;
      }
      // Before each of its five and before each message behind them.
      expect(unfinished).toBeGreaterThanOrEqual(5);
    },
    60_000,
  );

  it("come from the stage byte for byte, over several starts", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    const table = { subject: "out.{region}.rows", headers: { "X-Note": "<{note}>" }, lineage: true };
    const batch = drawn(1, 1, () => 60, "a");
    batch.rows.forEach((row, i) => {
      row.region = i % 2 === 0 ? "eu" : "amér";
      if (i % 3 === 0) row.note = null;
      if (i % 7 === 0) row.note = `ü€😀${"x".repeat(i)}`;
    });
    const plain = await open({ ...table, deterministic: true });
    await plain.write(batch);
    await plain.flush();
    await plain.sink.close();
    const wanted = await stored(observer);
    await observer.api("STREAM.PURGE.OUT");
    const first = await open(table, proxy.url);
    let kill = killBefore(proxy, 21, isOutput);
    expect(await runUntilKilled(first, batch, kill)).toBe(true);
    kill[Symbol.dispose]();
    await expect.poll(async () => (await stored(observer)).length).toBe(20);
    kill = killBefore(proxy, 11, isOutput);
    const second = await open(table, proxy.url);
    expect(second.committed).toEqual(new Map([["0", positionOf(1)]]));
    expect(await runUntilKilled(second, { rows: [], positions: [], split: "0", end: positionOf(1) }, kill)).toBe(true);
    kill[Symbol.dispose]();
    await expect.poll(async () => (await stored(observer)).length).toBe(30);
    const third = await open(table);
    await third.flush();
    await third.sink.close();
    expect(await stored(observer)).toEqual(wanted);
    const ids = await messageIds(observer);
    expect(new Set(ids).size).toBe(60);
  });

  it("are not mixed with the one output that an earlier run has stored and not told", async () => {
    const first = await open();
    await first.write(drawn(1, 3, () => 1, "a"));
    await expect.poll(() => first.counters.rowsOut).toBe(3);
    await first.sink.close();
    // This time each of them gives several.
    const second = await open();
    expect(nextOf(second)).toBe(1);
    await second.write(drawn(1, 5, () => 4, "b"));
    await second.flush();
    const counts = (input: number): number => (input <= 3 ? 1 : 4);
    expect(callsOf(await notes(observer), 5, counts)).toEqual([..."aaabb"]);
    await second.sink.close();
  });

  it("are finished by a rival that comes in the middle, and the zombie cannot write one message more", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    for (const n of [3, 8]) {
      await observer.api("STREAM.PURGE.OUT");
      const pipeline = `p${n}`;
      const older = await open({ instance: `older${n}`, ackTimeoutMs: 500, pipeline }, proxy.url);
      let seen = 0;
      let frozen = (): void => {};
      const isFrozen = new Promise<void>((resolve) => {
        frozen = resolve;
      });
      const freeze = proxy.intercept("toTarget", (frame) => {
        if (isPublish(frame)) seen += 1;
        if (seen < n) return "pass";
        frozen();
        return isPublish(frame) ? "drop" : "pass";
      });
      const written = older.write(drawn(1, 4, rowsOf, "a", large)).then(() => older.flush());
      const stopped = expect(written).rejects.toMatchObject({
        code: "FENCED",
        context: { newerInstance: `newer${n}` },
      });
      await isFrozen;
      const newer = await open({ instance: `newer${n}`, pipeline });
      await newer.write(drawn(nextOf(newer), 4, rowsOf, "b", large));
      await newer.flush();
      const { last_seq } = await observer.stateOf("OUT");
      freeze[Symbol.dispose]();
      await stopped;
      expect((await observer.stateOf("OUT")).last_seq).toBe(last_seq);
      callsOf(await notes(observer), 4, rowsOf);
      await older.sink.close();
      await newer.sink.close();
    }
  });
});

describe("a start with ids in the middle of an input refuses", () => {
  it("a stage that is not whole any more, and says what to do", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    const first = await open({}, proxy.url);
    const kill = killBefore(proxy, 4, isOutput);
    expect(await runUntilKilled(first, drawn(1, 2, rowsOf, "a", large), kill)).toBe(true);
    await expect.poll(async () => (await stored(observer)).length).toBe(3);
    const [lost] = await stagingOf(observer);
    await observer.api("STREAM.MSG.DELETE.OUT", { seq: lost });
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(open()).rejects.toMatchObject({
        code: "PROGRESS_MISMATCH",
        message: expect.stringMatching(/2 outputs of input 2 were written.*start under a new name/),
      });
    }
    expect((await notes(observer)).length).toBe(3);
  });

  it("a transform that was deterministic when it was stopped, and is not now, or the reverse, until it has ended by a signal", async () => {
    for (const deterministic of [true, false]) {
      await observer.api("STREAM.PURGE.OUT");
      const pipeline = `p${deterministic}`;
      const first = await open({ deterministic, pipeline });
      await first.write(inputs(1, 10));
      await expect.poll(() => first.counters.rowsOut).toBe(10);
      await first.sink.close();
      await expect(open({ deterministic: !deterministic, pipeline })).rejects.toMatchObject({
        code: "PROGRESS_MISMATCH",
        message: expect.stringContaining("let it run once more as it was"),
      });
      const second = await open({ deterministic, pipeline });
      await second.write(inputs(1, 10));
      await second.flush(true);
      await second.sink.close();
      const third = await open({ deterministic: !deterministic, pipeline });
      await third.write(inputs(11, 20));
      await third.flush();
      await third.sink.close();
      expect((await notes(observer)).length).toBe(20);
    }
  });
});
