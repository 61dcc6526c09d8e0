import { setTimeout as sleep } from "node:timers/promises";
import { type NatsFrame, type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { obtainNatsServer } from "../../../../tooling/nats-server/obtain-nats-server.mjs";
import { type Observer, observe } from "../sink/sink-fixture.ts";
import { notes, openWorker, positionOf, progress, type Worker, type WorkerOptions } from "./exactly-once-fixture.ts";
import {
  callsOf,
  drawn,
  isProgress,
  isPublish,
  killBefore,
  nextOf,
  runUntilKilled,
  stagingOf,
  stored,
} from "./staging-fixture.ts";

describe.each([undefined, "2.10"])("outputs of a chain that differ each time, on server %s", (series) => {
  let server: NatsServer;
  let observer: Observer;
  const open = (options: WorkerOptions = {}, url = server.url) =>
    openWorker(url, { soleWriter: true, deterministic: false, ...options });
  const rowsOf = (input: number): number => (input === 2 ? 5 : 1);
  /** A stage takes several messages. */
  const large = { region: "x".repeat(6000) };

  beforeAll(async () => {
    const bin = series === undefined ? {} : { bin: (await obtainNatsServer({ series })).path };
    server = await startNatsServer({ ...bin, config: "max_payload: 16384" });
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
    await worker.sink.close();
  });

  it("are of one call, wherever it is killed", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    let unfinished = 0;
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
      const second = await open({ pipeline });
      const from = nextOf(second);
      await second.write(drawn(from, 5, rowsOf, "b", large));
      await second.flush();
      await second.sink.close();
      expect(callsOf(await notes(observer), 5, rowsOf)[1], `killed before message ${n}`).toBe(from > 2 ? "a" : "b");
      if (from === 3 && second.counters.rowsOut > 3) unfinished += 1;
    }
    // Before each of its five outputs.
    expect(unfinished).toBe(5);
  }, 60_000);

  it("are staged with those of the inputs behind, as far as they fit into one message", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    const isOutput = (frame: NatsFrame): boolean => isPublish(frame) && !isProgress(frame);
    const kill = killBefore(proxy, 21, isOutput);
    const several = (): number => 3;
    const first = await open({}, proxy.url);
    expect(await runUntilKilled(first, drawn(1, 20, several, "a"), kill)).toBe(true);
    kill[Symbol.dispose]();
    await expect.poll(async () => (await stored(observer)).length).toBe(20);
    expect((await stagingOf(observer)).length).toBe(1);
    const second = await open();
    expect(second.committed).toEqual(new Map([["0", positionOf(20)]]));
    // Some 140 of them fit.
    await second.write(drawn(21, 400, several, "b"));
    await second.flush();
    expect(callsOf(await notes(observer), 400, several).join("")).toBe("a".repeat(20) + "b".repeat(380));
    await second.sink.close();
  });

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
    const first = await open({ ...table }, proxy.url);
    let kill = killBefore(proxy, 21, (frame) => isPublish(frame) && !frame.subject.includes("__progress"));
    expect(await runUntilKilled(first, batch, kill)).toBe(true);
    kill[Symbol.dispose]();
    await expect.poll(async () => (await stored(observer)).length).toBe(20);
    kill = killBefore(proxy, 11, (frame) => isPublish(frame) && !frame.subject.includes("__progress"));
    const second = await open({ ...table }, proxy.url);
    expect(second.committed).toEqual(new Map([["0", positionOf(1)]]));
    expect(await runUntilKilled(second, { rows: [], positions: [], split: "0", end: positionOf(1) }, kill)).toBe(true);
    kill[Symbol.dispose]();
    await expect.poll(async () => (await stored(observer)).length).toBe(30);
    const third = await open({ ...table });
    await third.flush();
    await third.sink.close();
    expect(await stored(observer)).toEqual(wanted);
  });

  it("are finished by a rival that comes in the middle, and the zombie cannot write one message more", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    for (const n of [4, 8]) {
      await observer.api("STREAM.PURGE.OUT");
      const older = await open({ instance: `older${n}`, ackTimeoutMs: 500, pipeline: `p${n}` }, proxy.url);
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
      const newer = await open({ instance: `newer${n}`, pipeline: `p${n}` });
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

  it.each([1, 2, 3, 4])("that are under way stay out when %i newer claims take their places", async (claims) => {
    for (const first of [1, 2]) {
      const pipeline = `p${first}`;
      await observer.api("STREAM.PURGE.OUT");
      await using proxy = await startFaultProxy({ target: server.url });
      const older = await open({ pipeline }, proxy.url);
      await older.write(drawn(1, first - 1, rowsOf, "a"));
      await older.flush();
      proxy.blackhole(true, "toTarget");
      const written = older.write(drawn(first, 4, rowsOf, "a")).then(() => older.flush());
      const stopped = expect(written).rejects.toMatchObject({ code: "FENCED" });
      // Everything that it sends without an answer is under way.
      await sleep(100);
      let newer: Worker | undefined;
      for (let claim = 0; claim < claims; claim++) {
        await newer?.sink.close();
        newer = await open({ pipeline });
      }
      const { last_seq } = await observer.stateOf("OUT");
      proxy.blackhole(false, "toTarget");
      await stopped;
      expect((await observer.stateOf("OUT")).last_seq).toBe(last_seq);
      await newer?.write(drawn(first, 4, rowsOf, "b"));
      await newer?.flush();
      const calls = "a".repeat(first - 1) + "b".repeat(5 - first);
      expect(callsOf(await notes(observer), 4, rowsOf)).toEqual([...calls]);
      await newer?.sink.close();
      await older.sink.close();
    }
  });

  it("that are lost from the stage when some of them are out end a start, which says what to do", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    const first = await open({}, proxy.url);
    const kill = killBefore(proxy, 4, (frame) => isPublish(frame) && !frame.subject.includes("__progress"));
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
});
