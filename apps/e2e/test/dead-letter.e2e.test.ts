import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

/** Bytes that are no UTF-8 and no JSON: a copy that went through a text would differ. */
const POISON = Uint8Array.from([0x7b, 0x00, 0xff, 0xfe, 0x0a, 0x0d, 0x22, 0xc3]);
const TOTAL = 10_000;
const source = ", bad_data = 'dead_letter', 'dead_letter.subject' = 'dlq.input'";

let server: NatsServer;
let streams: Streams;
let folder: WorkFolder;
beforeAll(async () => {
  folder = openWorkFolder();
  server = await startNatsServer({
    config: `authorization { users: [
      { user: admin, password: a }
      { user: limited, password: l, permissions: { publish: { deny: "dlq.>" } } }
    ] }\nno_auth_user: admin`,
  });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  folder?.[Symbol.dispose]();
});

interface Letter {
  readonly data: Uint8Array;
  headers(name: string): string[];
}

/** INPUT with one poison in the middle of good rows, an empty OUTPUT, and DLQ. */
async function prepare(dlq: object | undefined, poisons = 1, total = TOTAL): Promise<AsyncDisposable> {
  const opened = await openStreams(server.url);
  streams = opened;
  const manager = await opened.connection.jetstreamManager();
  for (const name of ["INPUT", "OUTPUT", "DLQ"]) await manager.streams.delete(name).catch(() => {});
  await opened.add("INPUT", "in.rows");
  await opened.add("OUTPUT", "out.rows");
  if (dlq !== undefined) await opened.add("DLQ", "dlq.>", dlq);
  await opened.fill("in.rows", numberedRows(1, total / 2));
  for (let i = 0; i < poisons; i++) await publishPoison(`trace ${i}`);
  await opened.fill("in.rows", numberedRows(total / 2 + 1, total));
  return opened;
}

async function publishPoison(trace: string): Promise<void> {
  const { headers } = await import("nats");
  const given = headers();
  given.append("Trace", trace);
  given.append("X-Error", "an older one");
  given.append("Nats-Msg-Id", `own ${trace}`);
  await streams.connection.jetstream().publish("in.rows", POISON, { headers: given });
}

async function letters(): Promise<Letter[]> {
  const count = await streams.count("DLQ");
  const manager = await streams.connection.jetstreamManager();
  const all: Letter[] = [];
  for (let seq = 1; seq <= count; seq++) {
    const message = await manager.streams.getMessage("DLQ", { seq });
    all.push({ data: message.data, headers: (name) => message.header.values(name) });
  }
  return all;
}

let runs = 0;
function job(sql: string, ...more: string[]) {
  const file = folder.write(`job${++runs}.sql`, sql);
  const args = ["run", file, "--json", "--checkpoint-interval", "50ms", "--state", `file:${file}.state`, ...more];
  return { args, options: { env: { NATS_URL: server.url }, cwd: folder.path } };
}

const numbersIn = async (): Promise<number[]> => (await streams.rows<{ n: number }>("OUTPUT")).map((row) => row.n);

test("poison in the middle of 10,000: every good row out, the poison kept byte for byte with its place", async () => {
  await using _ = await prepare({});
  const { args, options } = job(pipelineSql({ source }), "--until-caught-up", "--name", "middle");
  const result = await runCli(args, options);
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.pipelines).toMatchObject([{ rowsIn: TOTAL, rowsOut: TOTAL, badRows: 1, droppedRows: 0 }]);
  expect(await numbersIn()).toEqual(numberedRows(1, TOTAL).map((row) => row.n));
  const [letter, ...rest] = await letters();
  expect(rest).toEqual([]);
  expect(Buffer.from(letter?.data ?? []).equals(POISON)).toBe(true);
  const header = (name: string) => letter?.headers(name);
  expect(header("X-Error-Code")).toEqual(["BAD_DATA"]);
  expect(header("X-Error")?.[0]).toBe("the payload of 8 bytes is not valid UTF-8 text");
  expect(header("X-Subject")).toEqual(["in.rows"]);
  expect(header("X-Stream")).toEqual(["INPUT"]);
  expect(header("X-Sequence")).toEqual([String(TOTAL / 2 + 1)]);
  expect(header("Trace")).toEqual(["trace 0"]);
  expect(header("X-Original-X-Error")).toEqual(["an older one"]);
  expect(header("X-Original-Nats-Msg-Id")).toEqual(["own trace 0"]);
  expect(header("Nats-Msg-Id")).toEqual([`middle:INPUT:${TOTAL / 2 + 1}`]);

  // From the beginning under the same name: the stream knows the letter.
  const again = job(pipelineSql({ source }), "--until-caught-up", "--name", "middle");
  expect((await runCli(again.args, again.options)).pipelines).toMatchObject([{ exitCode: 0, badRows: 1 }]);
  expect(await streams.count("DLQ")).toBe(1);
});

test("kill -9 around the poison: it is in the dead letters, and no row is missing", async () => {
  for (const afterMs of [0, 30, 80]) {
    await using _ = await prepare({}, 3);
    const { args, options } = job(pipelineSql({ source }), "--until-caught-up", "--name", `killed${afterMs}`);
    const first = startCli(args, options);
    while ((await streams.count("OUTPUT")) === 0 && (await streams.count("DLQ")) === 0) await sleep(2);
    await sleep(afterMs);
    first.child.kill("SIGKILL");
    await first.finished;
    const second = await runCli(args, options);
    expect(second.exitCode, second.stderr).toBe(0);
    expect(new Set(await numbersIn()).size).toBe(TOTAL);
    const found = new Set((await letters()).map((letter) => letter.headers("X-Sequence")[0]));
    expect(found).toEqual(new Set([1, 2, 3].map((i) => String(TOTAL / 2 + i))));
  }
});

test("no stream for the dead letters: exit 2 at the start, with the remedy; the own stream is refused", async () => {
  await using _ = await prepare(undefined, 0, 10);
  const missing = job(pipelineSql({ source }), "--until-caught-up");
  const result = await runCli(missing.args, missing.options);
  expect(result.exitCode).toBe(2);
  expect(result.stderr).toContain('STREAM_MISMATCH: dead_letter.subject: no stream captures "dlq.input"; create a');
  expect(await streams.count("OUTPUT")).toBe(0);
  const loop = job(pipelineSql({ source: source.replace("dlq.input", "in.rows") }), "--until-caught-up");
  const looped = await runCli(loop.args, loop.options);
  expect(looped.exitCode).toBe(2);
  expect(looped.stderr).toContain('OPTION_INVALID: dead_letter.subject: "in.rows" is read by this source itself');
  for (const wrong of [
    ", bad_data = 'dead_letter'",
    ", 'dead_letter.subject' = 'dlq.x'",
    source.replace(".input", ".*"),
  ]) {
    const refused = job(pipelineSql({ source: wrong }), "--until-caught-up");
    const { exitCode, stderr } = await runCli(refused.args, refused.options);
    expect(exitCode, stderr).toBe(2);
    expect(stderr).toContain("dead_letter.subject");
  }
});

test("a full dead-letter stream: no checkpoint passes the poison until there is room", async () => {
  await using _ = await prepare({ max_msgs: 1, discard: "new" as never }, 3);
  const { args, options } = job(pipelineSql({ source }), "--until-caught-up", "--log-level", "debug");
  const running = startCli(args, options);
  while ((await streams.count("OUTPUT")) < TOTAL || (await streams.count("DLQ")) < 1) await sleep(10);
  await sleep(500);
  expect(running.child.exitCode).toBeNull();
  const manager = await streams.connection.jetstreamManager();
  await manager.streams.update("DLQ", { max_msgs: 10, subjects: ["dlq.>"] });
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  expect(await streams.count("DLQ")).toBe(3);
});

test("the dead-letter stream is deleted while it runs: a coded failure, and the next run reads the poison again", async () => {
  await using _ = await prepare({}, 0, 100);
  const { args, options } = job(pipelineSql({ source }), "--name", "deleted");
  const running = startCli(args, options);
  while ((await streams.count("OUTPUT")) < 100) await sleep(10);
  const manager = await streams.connection.jetstreamManager();
  await manager.streams.delete("DLQ");
  await publishPoison("late");
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(2);
  expect(result.stderr).toContain('STREAM_NOT_FOUND: stream "DLQ" does not exist');
  await streams.add("DLQ", "dlq.>");
  const second = await runCli([...args, "--until-caught-up"], options);
  expect(second.exitCode, second.stderr).toBe(0);
  expect(await streams.count("DLQ")).toBe(1);
});

test("no permission to publish dead letters: exit 3, and nothing passes the poison", async () => {
  await using _ = await prepare({}, 1, 100);
  const auth = ", 'auth.type' = 'credentials', 'auth.username' = 'limited', 'auth.password' = 'l'";
  const { args, options } = job(pipelineSql({ source: source + auth }), "--until-caught-up", "--name", "denied");
  const result = await runCli(args, options);
  expect(result.exitCode, result.stderr).toBe(3);
  expect(result.stderr).toMatch(/PERMISSION_DENIED: .*denies this user to publish "dlq\.input"/);
  expect(result.stderr).not.toContain("password");
  const allowed = args.map((arg) =>
    arg.endsWith(".sql") ? folder.write("allowed.sql", pipelineSql({ source })) : arg,
  );
  const second = await runCli(allowed, options);
  expect(second.exitCode, second.stderr).toBe(0);
  expect(await streams.count("DLQ")).toBe(1);
});

test("the server is killed while dead letters are on their way: it waits, and keeps each", async () => {
  await using _ = await prepare({}, 500);
  const { args, options } = job(pipelineSql({ source }), "--until-caught-up", "--name", "server");
  const running = startCli(args, options);
  while ((await streams.count("OUTPUT")) === 0) await sleep(2);
  await server.kill();
  await sleep(500);
  expect(running.child.exitCode).toBeNull();
  await server.restart();
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  await using fresh = await openStreams(server.url);
  streams = fresh;
  const found = new Set((await letters()).map((letter) => letter.headers("X-Sequence")[0]));
  expect(found.size).toBe(500);
  expect(new Set(await numbersIn()).size).toBe(TOTAL);
});

test("a sink keeps the rows it cannot write, as JSON with their place", async () => {
  await using _ = await prepare({}, 0, 10);
  const sink = ", bad_data = 'dead_letter', 'dead_letter.subject' = 'dlq.output'";
  const columns = "n BIGINT, note TEXT";
  await streams.connection.jetstream().publish("in.rows", '{"n":9007199254740993,"note":"a b"}');
  const sql = pipelineSql({ columns, sink }).replace("'out.rows'", "'out.{note}'");
  const manager = await streams.connection.jetstreamManager();
  await manager.streams.update("OUTPUT", { subjects: ["out.>"] });
  const { args, options } = job(sql, "--until-caught-up");
  const result = await runCli(args, options);
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.pipelines).toMatchObject([{ rowsIn: 11, rowsOut: 0, badRows: 11 }]);
  const last = (await letters()).at(-1);
  expect(Buffer.from(last?.data ?? []).toString()).toBe('{"n":9007199254740993,"note":"a b"}');
  expect(last?.headers("X-Error-Code")).toEqual(["BAD_DATA"]);
  expect(last?.headers("X-Error")?.[0]).toContain('column "note"');
  expect(last?.headers("X-Split")).toEqual(["0"]);
  expect(last?.headers("X-Position")?.[0]).toMatch(/^11\./);
});
