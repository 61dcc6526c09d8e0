import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createTransactionalSink } from "../../src/sink/transactional-sink.ts";
import { createContext, jetStreamSettings, type Observer, observe } from "../sink/sink-fixture.ts";
import {
  atomicStream,
  expected,
  inputs,
  notes,
  openWorker,
  outputs,
  positionOf,
  progress,
} from "./exactly-once-fixture.ts";

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
});

describe("an exactly-once sink in transactions", () => {
  it("writes everything in order, keeps where it stands in the stream, and goes on there", async () => {
    await observer.createStream(atomicStream);
    const first = await openWorker(server.url);
    expect(first.committed).toEqual(new Map());
    for (let from = 1; from <= 4500; from += 500) await first.write(inputs(from, from + 499));
    await first.flush();
    expect(first.counters.rowsOut).toBe(4500);
    expect(await notes(observer)).toEqual(expected(4500));
    // Batches of 500 fill transactions of 999.
    expect(await progress(observer)).toMatchObject([
      {
        v: 1,
        mode: "atomic",
        pipeline: "p",
        stream: "IN",
        split: "0",
        epoch: 1,
        commit: 5,
        position: positionOf(4500),
      },
    ]);
    await first.sink.close();

    const second = await openWorker(server.url);
    expect(second.committed).toEqual(new Map([["0", positionOf(4500)]]));
    await second.write(inputs(4501, 4600));
    await second.flush(true);
    await second.sink.close();
    expect(await notes(observer)).toEqual(expected(4600));
    expect(await progress(observer)).toMatchObject([{ epoch: 2, commit: 1, checkpoint: 1 }]);
    expect([...first.warnings, ...second.warnings]).toEqual([]);
  });

  it("commits rows that wait for company without a barrier", async () => {
    await observer.createStream(atomicStream);
    const worker = await openWorker(server.url);
    await worker.write(inputs(1, 3));
    await expect.poll(() => worker.counters.rowsOut).toBe(3);
    expect(await notes(observer)).toEqual(expected(3));
    await worker.sink.close();
  });

  it("moves over input without outputs at a barrier, and writes nothing when nothing has moved", async () => {
    await observer.createStream(atomicStream);
    const worker = await openWorker(server.url);
    await worker.write(inputs(1, 50, () => 0));
    await worker.flush();
    await worker.flush();
    await worker.write(inputs(51, 60, (input) => (input === 55 ? 1 : 0)));
    await worker.flush();
    expect(await progress(observer)).toMatchObject([{ commit: 2, position: positionOf(60) }]);
    expect(await notes(observer)).toEqual(["55.0"]);
    await worker.sink.close();
    expect((await openWorker(server.url)).committed).toEqual(new Map([["0", positionOf(60)]]));
  });

  it("writes an input of more outputs than a transaction takes in parts, and goes on within it", async () => {
    const fanOut = (input: number): number => (input === 2 ? 2500 : 3);
    // Room for the first part and no other.
    await observer.createStream({ ...atomicStream, max_msgs: 1100, discard: "new" });
    const first = await openWorker(server.url);
    await first.write(inputs(1, 3, fanOut));
    await expect.poll(() => first.counters.rowsOut, { timeout: 10_000 }).toBe(1002);
    await first.sink.close();
    expect(await progress(observer)).toMatchObject([{ position: positionOf(1), part: { sequence: 2, rows: 999 } }]);

    const { config } = (await observer.api("STREAM.INFO.OUT")) as { config: object };
    await observer.api("STREAM.UPDATE.OUT", { ...config, max_msgs: -1 });
    const second = await openWorker(server.url);
    expect(second.committed).toEqual(new Map([["0", positionOf(1)]]));
    await second.write(inputs(2, 3, fanOut));
    await second.flush();
    expect(await notes(observer)).toEqual(expected(3, fanOut));
    await second.sink.close();
  });

  it("notices that the rest of such an input is not what it was", async () => {
    await observer.createStream({ ...atomicStream, max_msgs: 1100, discard: "new" });
    const first = await openWorker(server.url);
    await first.write(inputs(1, 1, () => 2500));
    await expect.poll(() => first.counters.rowsOut, { timeout: 10_000 }).toBe(999);
    await first.sink.close();
    for (const changed of [inputs(1, 1, () => 998), inputs(2, 2), inputs(1, 1, () => 0)]) {
      const second = await openWorker(server.url);
      await expect(second.write(changed)).rejects.toMatchObject({ code: "PROGRESS_MISMATCH" });
      await second.sink.close();
    }
  });

  it("keeps the outputs of an input that may come otherwise next time in one transaction where they fit", async () => {
    await observer.createStream(atomicStream);
    const worker = await openWorker(server.url, { deterministic: false });
    await worker.write(inputs(1, 6, () => 700));
    await worker.flush();
    expect(await progress(observer)).toMatchObject([{ commit: 6 }]);
    await worker.sink.close();
    expect(await notes(observer)).toEqual(expected(6, () => 700));
  });

  it("goes on within an input only when its transform gives the same again", async () => {
    await observer.createStream({ ...atomicStream, max_msgs: 1100, discard: "new" });
    const first = await openWorker(server.url);
    await first.write(inputs(1, 1, () => 2500));
    await expect.poll(() => first.counters.rowsOut, { timeout: 10_000 }).toBe(999);
    await first.sink.close();
    await expect(openWorker(server.url, { deterministic: false })).rejects.toMatchObject({ code: "PROGRESS_MISMATCH" });
  });

  it("keeps splits apart", async () => {
    await observer.createStream(atomicStream);
    const splits = ["0/2", "1/2"];
    const first = await openWorker(server.url, { splits, subject: "out.{region}" });
    for (let from = 1; from <= 1501; from += 300) {
      for (const split of splits) await first.write(inputs(from, from + 299, () => 1, split));
    }
    await first.flush();
    await first.sink.close();
    const second = await openWorker(server.url, { splits });
    expect(second.committed).toEqual(new Map(splits.map((split) => [split, positionOf(1800)])));
    const stored = await notes(observer);
    expect(stored.length).toBe(3600);
    expect([...new Set(stored)]).toEqual(expected(1800));
    await second.sink.close();
  });

  it("lets no row pass for progress", async () => {
    await observer.createStream(atomicStream);
    const worker = await openWorker(server.url, { subject: "out.{region}.{note}.x", badData: { behavior: "drop" } });
    const rows = ["__progress", "eu"].map((region) => ({ id: 1, region, note: "p" }));
    await worker.write({ rows, split: "0", positions: [positionOf(1), positionOf(1)], end: positionOf(1) });
    await worker.flush();
    expect(worker.counters).toMatchObject({ rowsOut: 1, badRows: 1 });
    expect((await outputs(observer)).map(({ subject }) => subject)).toEqual(["out.eu.p.x"]);
    await worker.sink.close();
  });
});

describe("an exactly-once sink refuses", () => {
  it("input that cannot be read again, before it connects", async () => {
    const sink = createTransactionalSink(jetStreamSettings({ url: "nats://127.0.0.1:1", delivery: "exactly_once" }));
    await expect(sink.open(createContext())).rejects.toMatchObject({ code: "OPTION_CONFLICT", exitCode: 2 });
    await sink.close();
  });

  it("a stream that cannot give it, saying what would make it possible", async () => {
    await observer.createStream({ name: "OUT" });
    await expect(openWorker(server.url)).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      exitCode: 2,
      message: expect.stringMatching(/does not set allow_atomic.*set allow_atomic on the stream.*sole_writer = false/),
    });
    expect((await observer.stateOf("OUT")).messages).toBe(0);
  });

  it("a checkpoint without progress, and then leaves the stream as it is", async () => {
    await observer.createStream(atomicStream);
    const restored = new Map([["0", { v: 1 }]]);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(openWorker(server.url, { restored })).rejects.toMatchObject({
        code: "PROGRESS_MISMATCH",
        exitCode: 4,
      });
    }
    expect((await observer.stateOf("OUT")).messages).toBe(0);
  });

  it("progress of another source stream or another pipeline, but starts over under a new name", async () => {
    await observer.createStream(atomicStream);
    const progressSubject = "out.__progress";
    const first = await openWorker(server.url, { progressSubject });
    await first.write(inputs(1, 10));
    await first.flush();
    await first.sink.close();
    for (const other of [{ source: "OTHER" }, { pipeline: "q" }]) {
      await expect(openWorker(server.url, { progressSubject, ...other })).rejects.toMatchObject({
        code: "STATE_INVALID",
      });
    }
    const renamed = await openWorker(server.url, { pipeline: "q" });
    expect(renamed.committed).toEqual(new Map());
    await renamed.sink.close();
  });
});
