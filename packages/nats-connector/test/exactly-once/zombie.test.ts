import { type NatsServer, startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Observer, observe } from "../sink/sink-fixture.ts";
import { inputs, openWorker, outputs, progress, type Worker } from "./exactly-once-fixture.ts";

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

const modes = [
  { mode: "atomic", config: { allow_atomic: true }, table: {}, splits: ["0", "1", "2"] },
  { mode: "chain", config: {}, table: { soleWriter: true }, splits: ["0"] },
  { mode: "fenced-msgid", config: {}, table: { soleWriter: false }, splits: ["0", "1", "2"] },
] as const;

describe.each(modes)("in mode $mode", { timeout: 30_000 }, ({ mode, config, table, splits }) => {
  const open = (instance: string, url = server.url): Promise<Worker> =>
    openWorker(url, {
      stream: mode,
      subject: `${mode}.rows`,
      lineage: true,
      ackTimeoutMs: 60_000,
      ...table,
      instance,
      splits,
    });
  const write = async (worker: Worker, from: (split: string) => number, to: number): Promise<void> => {
    for (const split of splits) if (from(split) <= to) await worker.write(inputs(from(split), to, () => 2, split));
  };
  const nextOf = (worker: Worker) => (split: string) =>
    Number.parseInt(String(worker.committed?.get(split) ?? "0"), 10) + 1;

  it("what a frozen instance had on its way in every split is not stored when it thaws, and it stops", async () => {
    const subjects = [`${mode}.>`];
    await observer.createStream({ name: mode, subjects, allow_rollup_hdrs: true, ...config });
    await using proxy = await startFaultProxy({ target: server.url });
    const older = await open("older", proxy.url);
    await write(older, () => 1, 50);
    await older.flush();
    await write(older, () => 51, 51);
    await expect
      .poll(async () => (await outputs(observer, mode)).length, { timeout: 10_000 })
      .toBe(102 * splits.length);
    // From here on nothing it sends arrives, and it cannot know: all of it comes later at once.
    proxy.blackhole(true);
    await write(older, () => 52, 400);
    const stopped = expect(older.flush()).rejects.toMatchObject({
      code: "FENCED",
      exitCode: 5,
      context: { newerInstance: "newer" },
      message: expect.stringContaining("newer"),
    });

    const newer = await open("newer");
    for (const split of splits) expect([51, 52]).toContain(nextOf(newer)(split));
    await write(newer, nextOf(newer), 60);
    await newer.flush();
    const { last_seq } = await observer.stateOf(mode);
    proxy.blackhole(false);
    await stopped;
    await expect(older.write(inputs(401, 402))).rejects.toMatchObject({ code: "FENCED" });
    expect((await observer.stateOf(mode)).last_seq).toBe(last_seq);

    // Whoever was fenced has spoilt nothing for the one behind it.
    await write(newer, () => 61, 100);
    await newer.flush(true);
    await older.sink.close();
    await newer.sink.close();
    const found = await outputs(observer, mode);
    const inOrder = inputs(1, 100, () => 2).rows.map(({ note }) => note);
    const messages = await observer.messagesOf(mode);
    const headersOf = (subject: string) =>
      messages.filter((one) => one.subject === subject).map(({ headers }) => headers);
    const sources = headersOf(`${mode}.rows`).map((headers) => [
      headers?.get("X-Source-Stream"),
      `${headers?.get("X-Source-Sequence")}.${headers?.get("X-Source-Index") || "0"}`,
      headers?.get("X-Pipeline"),
      headers?.get("X-Job"),
    ]);
    expect(found.length).toBe(200 * splits.length);
    // Each output says which row of which input it is.
    expect(sources).toEqual(found.map(({ note }) => ["IN", note, "p", "job"]));
    expect(found.map(({ note }) => note).toSorted()).toEqual(splits.flatMap(() => inOrder).toSorted());
    if (splits.length === 1) expect(found.map(({ note }) => note)).toEqual(inOrder);
    expect((await progress(observer, mode)).map(({ split }) => split).toSorted()).toEqual(splits);
  });
});
