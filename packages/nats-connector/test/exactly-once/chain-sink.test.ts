import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { obtainNatsServer } from "../../../../tooling/nats-server/obtain-nats-server.mjs";
import { type Observer, observe, revive } from "../sink/sink-fixture.ts";
import {
  expected,
  inputs,
  notes,
  openWorker,
  positionOf,
  progress,
  type Worker,
  type WorkerOptions,
} from "./exactly-once-fixture.ts";

/** Where the next worker goes on. */
const nextOf = (worker: { committed: ReadonlyMap<string, unknown> | undefined }): number =>
  Number.parseInt(String(worker.committed?.get("0") ?? "0"), 10) + 1;

describe.each([undefined, "2.10"])("a chain on server %s", (series) => {
  let server: NatsServer;
  let observer: Observer;
  const open = (options: WorkerOptions = {}, url = server.url) => openWorker(url, { soleWriter: true, ...options });

  beforeAll(async () => {
    server = await startNatsServer(series === undefined ? {} : { bin: (await obtainNatsServer({ series })).path });
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

  it("writes in order, tells in every message where it stands, and goes on there", async () => {
    const first = await open();
    expect(first.committed).toEqual(new Map());
    for (let from = 1; from <= 3000; from += 500) await first.write(inputs(from, from + 499));
    await first.flush();
    expect(first.counters.rowsOut).toBe(3000);
    await first.sink.close();
    const second = await open();
    expect(second.committed).toEqual(new Map([["0", positionOf(3000)]]));
    await second.write(
      inputs(3001, 3100),
      inputs(3101, 3200, () => 0),
    );
    await second.flush(true);
    await second.sink.close();
    expect(await notes(observer)).toEqual(expected(3100));
    expect(await progress(observer)).toMatchObject([
      { mode: "chain", epoch: 2, position: positionOf(3200), final: true, commit: 101 },
    ]);
    const third = await open();
    expect(third.committed).toEqual(new Map([["0", positionOf(3200)]]));
    expect(third.counters.rowsOut).toBe(0);
    await third.sink.close();
  });

  it("goes on within an input of several outputs, which must come again as it was", async () => {
    const fanOut = (): number => 100;
    await using proxy = await startFaultProxy({ target: server.url });
    let next = 1;
    for (let run = 0; run < 5; run++) {
      const worker = await open({}, proxy.url);
      next = nextOf(worker);
      await worker.write(inputs(next, next + 9, fanOut));
      await sleep(run);
      // Whatever is under way arrives in part.
      proxy.cut();
      await worker.sink.close();
    }
    const last = await open();
    next = nextOf(last);
    await last.write(inputs(next, next + 9, fanOut));
    await last.flush();
    expect(await notes(observer)).toEqual(expected(next + 9, fanOut));
    await last.sink.close();
  });

  it("of two instances the newer one comes in at once, however busy the older one is, and nothing is lost between", async () => {
    const older = await open({ instance: "older" });
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
    const newer = await open({ instance: "newer" });
    await stopped;
    const from = nextOf(newer);
    await newer.write(inputs(from, from + 499));
    await newer.flush();
    expect(await notes(observer)).toEqual(expected(from + 499));
    await older.sink.close();
    await newer.sink.close();
  });

  it.each([1, 2, 3])(
    "stores nothing under way across a barrier when %i newer claims take its places",
    async (claims) => {
      await using proxy = await startFaultProxy({ target: server.url });
      const older = await open({}, proxy.url);
      proxy.blackhole(true, "toTarget");
      // An input without outputs is told by progress of its own.
      await older.write(
        inputs(1, 1),
        inputs(2, 2, () => 0),
      );
      const stopped = expect(older.flush()).rejects.toMatchObject({ code: "FENCED" });
      const behind = expect(older.write(inputs(3, 9)).then(() => older.flush())).rejects.toMatchObject({
        code: "FENCED",
      });
      // Everything that it sends without an answer is under way.
      await sleep(100);
      const newer: Worker[] = [];
      for (let claim = 0; claim < claims; claim++) newer.push(await open());
      const { last_seq } = await observer.stateOf("OUT");
      proxy.blackhole(false, "toTarget");
      await Promise.all([stopped, behind]);
      expect((await observer.stateOf("OUT")).last_seq).toBe(last_seq);
      await newer.at(-1)?.write(inputs(1, 9));
      await newer.at(-1)?.flush();
      expect(await notes(observer)).toEqual(expected(9));
      for (const worker of [older, ...newer]) await worker.sink.close();
    },
  );

  it("goes on when acknowledgements are lost, late, and the server is killed", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    const worker = await open({ ackTimeoutMs: 500, maxInFlight: 1500 }, proxy.url);
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
    }
    for (let kill = 0; kill < 2; kill++) {
      const writing = write(2000);
      await sleep(20);
      await server.kill();
      await revive(server);
      await writing;
    }
    await worker.flush();
    expect(await notes(observer)).toEqual(expected(next - 1));
    expect(worker.counters.rowsOut).toBe(next - 1);
    await worker.sink.close();
  });

  it("says so when it is not alone in the stream, while it runs and at a start", async () => {
    const worker = await open();
    await worker.write(inputs(1, 10));
    await worker.flush();
    await observer.client.jetstream().publish("out.other", "{}");
    await worker.write(inputs(11, 20));
    await expect(worker.flush()).rejects.toMatchObject({
      code: "OPTION_CONFLICT",
      message: expect.stringContaining('on "out.other"'),
    });
    await worker.sink.close();
    await expect(open()).rejects.toMatchObject({ code: "OPTION_CONFLICT" });
  });

  it("opens although the connection breaks between its claim and its first message", async () => {
    await using proxy = await startFaultProxy({ target: server.url });
    let broken: Promise<void> | undefined;
    const breakOnce = async (): Promise<void> => {
      proxy.blackhole(true, "toTarget");
      await sleep(50);
      proxy.cut();
      proxy.blackhole(false, "toTarget");
    };
    using _ = proxy.intercept("fromTarget", ({ payload }) => {
      // The answer to the claim is the last one before the acks are tried.
      if (broken === undefined && payload.toString().startsWith('{"stream":"OUT"')) broken = breakOnce();
      return "pass";
    });
    const worker = await open({}, proxy.url);
    await broken;
    await worker.write(inputs(1, 10));
    await worker.flush();
    expect(await notes(observer)).toEqual(expected(10));
    expect(await progress(observer)).toMatchObject([{ epoch: 2 }]);
    await worker.sink.close();
  });

  it("waits for room in a full stream", async () => {
    const { config } = (await observer.api("STREAM.INFO.OUT")) as { config: object };
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msgs: 500, discard: "new" });
    const worker = await open();
    await worker.write(inputs(1, 1000));
    const flushed = worker.flush();
    await expect.poll(() => worker.warnings.join(), { timeout: 10_000 }).toMatch(/maximum messages exceeded/);
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msgs: -1, discard: "new" });
    await flushed;
    expect(await notes(observer)).toEqual(expected(1000));
    await worker.sink.close();
  });
});
