import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Observer, observe } from "../sink/sink-fixture.ts";
import { expected, inputs, notes, openWorker, type Worker, type WorkerOptions } from "./exactly-once-fixture.ts";

const user = { user: "sink", pass: "s" };
const configOf = (publish = '">"', subscribe = '">"'): string => `
  accounts { A: { jetstream: enabled, users: [
    { user: admin, password: a },
    { user: sink, password: s, permissions: { publish: ${publish}, subscribe: ${subscribe} } } ] } }`;
let server: NatsServer;
let observer: Observer;
let streams = 0;
let workers: Worker[] = [];

beforeAll(async () => {
  server = await startNatsServer({ config: configOf() });
  observer = await observe(server.url, { user: "admin", pass: "a" });
});
afterAll(async () => {
  await observer.client.close();
  await server[Symbol.asyncDispose]();
});
afterEach(async () => {
  await Promise.all(workers.map(({ sink }) => sink.close()));
  workers = [];
});

const modes = {
  atomic: { stream: { allow_atomic: true }, table: {} },
  chain: { stream: {}, table: { soleWriter: true } },
  "fenced-msgid": { stream: {}, table: { soleWriter: false } },
} as const;

describe.each(["atomic", "chain", "fenced-msgid"] as const)("outputs in mode %s", { timeout: 30_000 }, (mode) => {
  /** A worker that has written ten inputs into a stream of its own. */
  async function started(config: object = {}) {
    const name = `S${++streams}`;
    const subject = `s${streams}`;
    const create = (): Promise<void> =>
      observer.createStream({
        ...{ name, subjects: [`${subject}.>`], allow_rollup_hdrs: true },
        ...{ ...modes[mode].stream, ...config },
      });
    await create();
    const open = async (options: WorkerOptions = {}): Promise<Worker> => {
      const table = { ...modes[mode].table, stream: name, subject: `${subject}.rows`, ackTimeoutMs: 1000 };
      const worker = await openWorker(server.url, { ...table, user, ...options });
      workers.push(worker);
      return worker;
    };
    const worker = await open();
    await worker.write(inputs(1, 10));
    await worker.flush();
    const write = async (to = 20): Promise<void> => {
      await worker.write(inputs(11, to));
      await worker.flush(true);
    };
    const update = async (patch: object): Promise<void> => {
      const { config } = (await observer.api(`STREAM.INFO.${name}`)) as { config: object };
      await observer.api(`STREAM.UPDATE.${name}`, { ...config, ...patch });
    };
    return { name, subject, write, update, open, create };
  }

  it("end when the stream no longer captures them, or their progress", async () => {
    const outputs = await started();
    await outputs.update({ subjects: [`${outputs.subject}.__progress.>`] });
    await expect(outputs.write()).rejects.toMatchObject({
      code: "STREAM_MISMATCH",
      message: expect.stringContaining(`not every subject of "${outputs.subject}.rows"`),
    });
    const progress = await started();
    await progress.update({ subjects: [`${progress.subject}.rows`] });
    await expect(progress.write()).rejects.toMatchObject({
      code: "STREAM_MISMATCH",
      message: expect.stringContaining("exactly_once.progress_subject"),
    });
  });

  it("end when the stream is sealed, and the next start says so", async () => {
    const { update, write, open } = await started();
    await update({ sealed: true });
    await expect(write()).rejects.toMatchObject({ code: "STREAM_MISMATCH", exitCode: 2 });
    await expect(open()).rejects.toMatchObject({ code: "STREAM_MISMATCH", message: expect.stringContaining("sealed") });
  });

  it("go on with another start when rollups are switched off", async () => {
    const { name, update, write, open } = await started();
    await update({ allow_rollup_hdrs: false });
    await expect(write()).rejects.toMatchObject({ code: "CAPABILITY_MISSING", retry: "rebuild" });
    const next = await open();
    const from = Number.parseInt(String(next.committed?.get("0")), 10) + 1;
    await next.write(inputs(from, 20));
    await next.flush();
    expect(await notes(observer, name)).toEqual(expected(20));
  });

  it("stay where they are when only they are purged", async () => {
    const { name, subject, write } = await started();
    await observer.api(`STREAM.PURGE.${name}`, { filter: `${subject}.rows` });
    await write();
    expect(await notes(observer, name)).toEqual(expected(20).slice(10));
  });

  it("are not guessed at when the stream is purged, or deleted and made anew, or filled by others since", async () => {
    const lost = { code: expect.stringMatching(/^(PROGRESS_MISMATCH|POSITION_LOST|OPTION_CONFLICT)$/) };
    const fates = {
      purged: ({ name }: { name: string }) => observer.api(`STREAM.PURGE.${name}`),
      async anew({ name, create }: { name: string; create: () => Promise<void> }) {
        await observer.api(`STREAM.DELETE.${name}`);
        await create();
      },
    };
    const suffer = async (fate: keyof typeof fates, others: number): Promise<void> => {
      const it = await started();
      const { name, subject, write, open } = it;
      await fates[fate](it);
      for (let i = 0; i < others; i++) await observer.client.jetstream().publish(`${subject}.other`, "{}");
      await expect(write()).rejects.toMatchObject(lost);
      expect((await notes(observer, name)).join("")).toBe("");
      const code = expect.stringMatching(/^(PROGRESS_MISMATCH|OPTION_CONFLICT)$/);
      await expect(open({ restored: new Map([["0", { v: 1 }]]) })).rejects.toMatchObject({ code, retry: "never" });
    };
    await Promise.all([suffer("purged", 0), suffer("anew", 0), suffer("anew", 30)]);
  });

  it("end when the right to publish or to hear answers is taken away", async () => {
    const denied = { code: "PERMISSION_DENIED", exitCode: 3 };
    try {
      const publishing = await started();
      await server.reload(configOf('["$JS.>"]'));
      await expect(publishing.write()).rejects.toMatchObject(denied);
      await server.reload(configOf());
      const hearing = await started();
      await server.reload(configOf('">"', '"nothing"'));
      await expect(hearing.write()).rejects.toMatchObject(denied);
    } finally {
      await server.reload(configOf());
    }
  });

  it("are not begun in a stream that is too narrow for progress, or acknowledges nothing", async () => {
    await expect(started({ max_msg_size: 100 })).rejects.toMatchObject({
      code: "CAPABILITY_MISSING",
      message: expect.stringContaining("raise its max_msg_size"),
    });
    await expect(started({ no_ack: true })).rejects.toMatchObject({ code: "STREAM_MISMATCH" });
  });
});

it("outputs in mode atomic say what is missing when allow_atomic is switched off, in a way that makes a host look again", async () => {
  await observer.createStream({ name: "OUT", allow_atomic: true, allow_rollup_hdrs: true });
  const worker = await openWorker(server.url, { user });
  workers.push(worker);
  await worker.write(inputs(1, 10));
  await worker.flush();
  await observer.api("STREAM.UPDATE.OUT", { name: "OUT", subjects: ["out.>"], allow_rollup_hdrs: true });
  await worker.write(inputs(11, 20));
  await expect(worker.flush()).rejects.toMatchObject({ code: "CAPABILITY_MISSING", retry: "rebuild" });
  await expect(openWorker(server.url, { user })).rejects.toMatchObject({
    code: "CAPABILITY_MISSING",
    retry: "never",
    message: expect.stringContaining("set allow_atomic on the stream"),
  });
  expect(await notes(observer)).toEqual(expected(10));
});

it("outputs in mode fenced-msgid are stored once, also when the duplicate window was shortened under way", async () => {
  await observer.createStream({
    name: "SHORT",
    subjects: ["short.>"],
    duplicate_window: 120e9,
    max_msgs: 12,
    discard: "new",
  });
  const worker = await openWorker(server.url, { user, stream: "SHORT", subject: "short.rows", soleWriter: false });
  workers.push(worker);
  // A full stream: what it has refused is tried again and again.
  await worker.write(inputs(1, 20));
  const flushed = worker.flush();
  await expect.poll(() => worker.warnings.join()).toMatch(/maximum messages exceeded/);
  const { config } = (await observer.api("STREAM.INFO.SHORT")) as { config: object };
  await observer.api("STREAM.UPDATE.SHORT", { ...config, duplicate_window: 100e6 });
  await sleep(200);
  await observer.api("STREAM.UPDATE.SHORT", { ...config, duplicate_window: 100e6, max_msgs: -1 });
  await flushed;
  expect((await notes(observer, "SHORT")).toSorted()).toEqual(expected(20).toSorted());
});
