import type { RecordBatch } from "@x/connector-api";
import { type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Observer, observe } from "../sink/sink-fixture.ts";
import { atomicStream, notes, openWorker, positionOf, progress, type WorkerOptions } from "./exactly-once-fixture.ts";
import {
  callsOf,
  drawn,
  isPart,
  isProgress,
  isStaging,
  killBefore,
  nextOf,
  runUntilKilled,
  stagingOf,
  stored,
} from "./staging-fixture.ts";

let server: NatsServer;
let observer: Observer;

beforeAll(async () => {
  // Small messages: a stage takes several of them.
  server = await startNatsServer({ config: "max_payload: 16384" });
  observer = await observe(server.url);
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await observer.api("STREAM.DELETE.OUT").catch(() => {});
});

const open = (options: WorkerOptions = {}, url = server.url) =>
  openWorker(url, { deterministic: false, maxInFlight: 300, ...options });
/** Input 2 takes three transactions of 300. */
const rowsOf = (input: number): number => (input === 2 ? 700 : 2);

describe("outputs that differ each time and are too many for one transaction", () => {
  it("are staged first, and gone from the progress subject behind the last one", async () => {
    await observer.createStream(atomicStream);
    const worker = await openWorker(server.url, { deterministic: false });
    const many = (input: number): number => (input % 2 === 0 ? 2500 : 3);
    await worker.write(drawn(1, 2, many, "a"), drawn(3, 5, many, "b"));
    await worker.flush();
    expect(worker.counters.rowsOut).toBe(5009);
    expect(callsOf(await notes(observer), 5, many)).toEqual(["a", "a", "b", "b", "b"]);
    const left = await progress(observer);
    expect(left).toMatchObject([{ v: 1, position: positionOf(5) }]);
    expect(left[0]).not.toHaveProperty("staged");
    await worker.sink.close();
  });

  it.each([true, false])(
    "are of one call, wherever it is killed (allow_rollup_hdrs: %s)",
    async (rollup) => {
      await using proxy = await startFaultProxy({ target: server.url });
      let unfinished = 0;
      await observer.createStream({ ...atomicStream, allow_rollup_hdrs: rollup });
      for (let n = 1, isOver = false; !isOver; n++) {
        await observer.api("STREAM.PURGE.OUT");
        const pipeline = `p${n}`;
        const first = await open({ pipeline }, proxy.url);
        const kill = killBefore(proxy, n, isProgress);
        isOver = !(await runUntilKilled(first, drawn(1, 4, rowsOf, "a"), kill));
        kill[Symbol.dispose]();
        // What it has sent before has its time to arrive.
        if (!isOver) await expect.poll(async () => (await progress(observer)).at(-1)?.commit).toBe(n - 1);
        const seen = (await notes(observer)).filter((note) => note.startsWith("2."));
        // Another state folder or none: what is known is known from the stream.
        const second = await open({ pipeline });
        const from = nextOf(second);
        await second.write(drawn(from, 5, rowsOf, "b"));
        await second.flush();
        await second.sink.close();
        const calls = callsOf(await notes(observer), 5, rowsOf);
        expect(calls[1], `killed before message ${n}`).toBe(from > 2 ? "a" : "b");
        if (from <= 2) expect(seen).toEqual([]);
        else if (seen.length < 700) unfinished += 1;
      }
      // Before each of its three parts.
      expect(unfinished).toBeGreaterThanOrEqual(3);
    },
    60_000,
  );

  it("come from the stage byte for byte: subject, headers and payload", async () => {
    await observer.createStream(atomicStream);
    await using proxy = await startFaultProxy({ target: server.url });
    const table = { subject: "out.{region}.rows", headers: { "X-Note": "<{note}>" }, lineage: true };
    const batch = drawn(1, 1, () => 700, "a");
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
    expect(wanted.length).toBe(700);
    await observer.api("STREAM.PURGE.OUT");

    const first = await open(table, proxy.url);
    const kill = killBefore(proxy, 2, isPart);
    expect(await runUntilKilled(first, batch, kill)).toBe(true);
    const second = await open(table);
    expect(second.committed).toEqual(new Map([["0", positionOf(1)]]));
    await second.flush();
    expect(second.counters.rowsOut).toBe(400);
    await second.sink.close();
    expect(await stored(observer)).toEqual(wanted);
  });

  it("are finished by the one of many starts that comes to its end", async () => {
    await observer.createStream(atomicStream);
    await using proxy = await startFaultProxy({ target: server.url });
    const first = await open({}, proxy.url);
    using before = killBefore(proxy, 1, isPart);
    expect(await runUntilKilled(first, drawn(1, 4, rowsOf, "a"), before)).toBe(true);
    before[Symbol.dispose]();
    for (const start of ["b", "c", "d"]) {
      const next = await open({}, proxy.url);
      expect(nextOf(next)).toBe(3);
      using kill = killBefore(proxy, start === "c" ? 2 : 1, isPart);
      await runUntilKilled(next, drawn(3, 4, rowsOf, start), kill);
    }
    const last = await open();
    await last.write(drawn(3, 4, rowsOf, "e"));
    await last.flush();
    expect(callsOf(await notes(observer), 4, rowsOf)).toEqual(["a", "a", "e", "e"]);
    await last.sink.close();
  });

  it("of a split do not hold up another, and each goes on from its own stage", async () => {
    await observer.createStream(atomicStream);
    await using proxy = await startFaultProxy({ target: server.url });
    const splits = ["0/2", "1/2"];
    const of = (split: string, call: string) => ({ ...drawn(2, 2, rowsOf, `${split}${call}`), split });
    const first = await open({ splits }, proxy.url);
    const written = (async () => {
      for (const split of splits) await first.write(of(split, "a"));
      await first.flush();
    })();
    // One part of each, more or less.
    using kill = killBefore(proxy, 3, isPart);
    await kill.done;
    written.catch(() => {});
    await first.sink.close();
    const second = await open({ splits });
    for (const split of splits) {
      if (second.committed?.has(split) !== true) await second.write(of(split, "b"));
    }
    await second.flush();
    await second.sink.close();
    const found = await notes(observer);
    for (const split of splits)
      callsOf(
        found.filter((note) => note.includes(`@${split}`)).map((note) => note.replace(/^2/, "1")),
        1,
        () => 700,
      );
    expect(found.length).toBe(1400);
  });
});

describe("in the middle of a stage", () => {
  it.each([
    ["before its last message", isStaging],
    ["between two parts", isPart],
  ])("a rival takes over %s, and the zombie cannot write one message more", async (_when, kind) => {
    await observer.createStream(atomicStream);
    await using proxy = await startFaultProxy({ target: server.url });
    const older = await open({ instance: "older", ackTimeoutMs: 60_000 }, proxy.url);
    const frozen = new Promise<void>((resolve) => {
      let seen = 0;
      proxy.intercept("toTarget", (frame) => {
        if (kind(frame) && ++seen === 2) {
          resolve();
          proxy.blackhole(true);
        }
        return "pass";
      });
    });
    const written = older.write(drawn(1, 4, rowsOf, "a")).then(() => older.flush());
    const stopped = expect(written).rejects.toMatchObject({ code: "FENCED", context: { newerInstance: "newer" } });
    await frozen;
    const newer = await open({ instance: "newer" });
    await newer.write(drawn(nextOf(newer), 4, rowsOf, "b"));
    await newer.flush();
    const { last_seq } = await observer.stateOf("OUT");
    proxy.blackhole(false);
    await stopped;
    expect((await observer.stateOf("OUT")).last_seq).toBe(last_seq);
    callsOf(await notes(observer), 4, rowsOf);
    await older.sink.close();
    await newer.sink.close();
  });

  it("a message of it is lost: the transform runs again if nothing was published, else the start says what to do", async () => {
    await observer.createStream(atomicStream);
    await using proxy = await startFaultProxy({ target: server.url });
    for (const parts of [0, 1]) {
      await observer.api("STREAM.PURGE.OUT");
      const first = await open({}, proxy.url);
      using kill = killBefore(proxy, parts + 1, isPart);
      expect(await runUntilKilled(first, drawn(1, 2, rowsOf, "a"), kill)).toBe(true);
      kill[Symbol.dispose]();
      const pieces = await stagingOf(observer);
      expect(pieces.length).toBeGreaterThan(2);
      await observer.api("STREAM.MSG.DELETE.OUT", { seq: pieces[0] });
      if (parts === 0) {
        const second = await open();
        expect(nextOf(second)).toBe(2);
        await second.write(drawn(2, 2, rowsOf, "b"));
        await second.flush();
        expect(callsOf(await notes(observer), 2, rowsOf)).toEqual(["a", "b"]);
        await second.sink.close();
        continue;
      }
      for (let attempt = 0; attempt < 2; attempt++) {
        await expect(open()).rejects.toMatchObject({
          code: "PROGRESS_MISMATCH",
          exitCode: 4,
          message: expect.stringMatching(/300 outputs of input 2 were written.*removed.*start under a new name/),
        });
      }
    }
  });

  it("the stream was given too little room: refused before anything of it shows, and before a start would remove it", async () => {
    await observer.createStream({ ...atomicStream, max_msgs_per_subject: 3 });
    const many = (input: number): number => (input === 2 ? 700 : 1);
    const subject = "out.{region}";
    // Of progress alone: every output has a subject of its own.
    const spread = (call: string): RecordBatch => {
      const batch = drawn(1, 2, many, call);
      return { ...batch, rows: batch.rows.map((row, i) => ({ ...row, region: `r${i}` })) };
    };
    const worker = await open({ subject, progressSubject: "out.__progress" });
    await expect(worker.write(spread("a")).then(() => worker.flush())).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      message: expect.stringMatching(/max_msgs_per_subject\): raise it/),
    });
    await worker.sink.close();
    expect((await notes(observer)).filter((note) => note.startsWith("2."))).toEqual([]);

    await using proxy = await startFaultProxy({ target: server.url });
    const { config } = (await observer.api("STREAM.INFO.OUT")) as { config: object };
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msgs_per_subject: 100 });
    const options = { subject, progressSubject: "out.__progress", pipeline: "p" };
    const first = await open(options, proxy.url);
    const kill = killBefore(proxy, 2, isPart);
    expect(await runUntilKilled(first, spread("b"), kill)).toBe(true);
    kill[Symbol.dispose]();
    const records = (await progress(observer)).length;
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msgs_per_subject: records });
    await expect(open(options)).rejects.toMatchObject({ code: "CAPABILITY_MISSING" });
    expect((await progress(observer)).length).toBe(records);
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msgs_per_subject: 100 });
    const last = await open(options);
    await last.flush();
    expect(last.counters.rowsOut).toBe(400);
    await last.sink.close();
  });

  it("another mode is no way on", async () => {
    await observer.createStream(atomicStream);
    await using proxy = await startFaultProxy({ target: server.url });
    const first = await open({}, proxy.url);
    const kill = killBefore(proxy, 2, isPart);
    expect(await runUntilKilled(first, drawn(1, 2, rowsOf, "a"), kill)).toBe(true);
    const { config } = (await observer.api("STREAM.INFO.OUT")) as { config: object };
    await observer.api("STREAM.UPDATE.OUT", { ...config, allow_atomic: false });
    for (const soleWriter of [true, false]) {
      await expect(open({ soleWriter })).rejects.toMatchObject({
        code: "PROGRESS_MISMATCH",
        message: expect.stringContaining("(atomic)"),
      });
    }
    await observer.api("STREAM.UPDATE.OUT", { ...config, allow_atomic: true });
    const second = await open();
    await second.flush();
    expect(callsOf(await notes(observer), 2, rowsOf)).toEqual(["a", "a"]);
    await second.sink.close();
  });
});
