import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { type CliResult, runCli, startCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

let server: NatsServer;
let streams: Streams;
let folder: WorkFolder;
let tests = 0;

beforeAll(async () => {
  server = await startNatsServer();
  streams = await openStreams(server.url);
  folder = openWorkFolder();
});

afterAll(async () => {
  await streams[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const env = (): Record<string, string> => ({ NATS_URL: server.url });
const cli = (...args: string[]): Promise<CliResult> => runCli(args, { cwd: folder.path, env: env() });
const json = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { stdout, stderr, exitCode } = await cli(...args, "--json");
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout);
};
const caughtUp = async (file: string, ...flags: string[]): Promise<number | undefined> => {
  const result = await cli("run", file, "--json", "--until-caught-up", ...flags);
  expect(result.exitCode, result.stderr).toBe(0);
  return result.pipelines[0]?.rowsIn;
};

/** A pipeline over streams of its own that has read ten rows. */
async function prepare() {
  tests += 1;
  const [input, output, subject] = [`IN${tests}`, `OUT${tests}`, `in${tests}.rows`];
  await streams.add(input, subject);
  await streams.add(output, `out${tests}.rows`);
  const sql = pipelineSql().replaceAll("'INPUT'", `'${input}'`).replaceAll("'OUTPUT'", `'${output}'`);
  const file = folder.write(`t${tests}.sql`, sql.replaceAll("out.rows", `out${tests}.rows`));
  await streams.fill(subject, numberedRows(1, 10));
  expect(await caughtUp(file)).toBe(10);
  const numbers = async (): Promise<number[]> => (await streams.rows<{ n: number }>(output)).map(({ n }) => n);
  return { file, name: `t${tests}`, input, output, subject, numbers };
}

test("ls and show tell what is kept, in words and as JSON; memory: has nothing to look at", async () => {
  const { file, name, input } = await prepare();
  const { pipelines } = (await json("checkpoint", "ls")) as {
    pipelines: { name: string; epoch: number; checkpoints: string[] }[];
  };
  const mine = pipelines.find((one) => one.name === name);
  expect(mine).toMatchObject({ name, epoch: 1, checkpoints: ["1-0", "1-1"] });
  expect((await cli("checkpoint", "ls")).stdout).toMatch(new RegExp(`^${name} +1 +1-0 1-1 +20`, "m"));

  expect(await json("checkpoint", "show", name)).toMatchObject({
    pipeline: name,
    checkpointId: 1,
    splits: { 0: { stream: input, lastSeq: "10" } },
  });
  expect(await json("checkpoint", "show", file, "--checkpoint", "1-0")).toMatchObject({
    splits: { 0: { lastSeq: "0" } },
  });
  expect((await cli("checkpoint", "show", name)).stdout).toMatch(/lastSeq: +10\n/);

  const memory = await cli("checkpoint", "ls", "--state", "memory:");
  expect([memory.exitCode, memory.stderr]).toEqual([2, expect.stringContaining("gone with its process")]);
  const unknown = await cli("checkpoint", "show", "tx");
  expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining('no checkpoint of pipeline "tx"')]);
  const pruned = await cli("checkpoint", "show", name, "--checkpoint", "9-9");
  expect([pruned.exitCode, pruned.stderr]).toEqual([2, expect.stringContaining("keeps 1-0, 1-1")]);
});

test("rewind --to-seq: the next run reads from there", async () => {
  const { file, name, numbers } = await prepare();
  expect(await json("checkpoint", "rewind", file, "--to-seq", "8")).toMatchObject({
    event: "rewound",
    pipeline: name,
    epoch: 2,
    splits: { 0: { lastSeq: "7" } },
  });
  expect(await caughtUp(file)).toBe(3);
  expect(await numbers()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 8, 9, 10]);
});

test("rewind --to-time: the first message stored at or after it", async () => {
  const { file, input, subject } = await prepare();
  const manager = await streams.connection.jetstreamManager();
  await sleep(20);
  await streams.fill(subject, numberedRows(11, 15));
  expect(await caughtUp(file)).toBe(5);
  const { time } = await manager.streams.getMessage(input, { seq: 11 });
  expect((await cli("checkpoint", "rewind", file, "--to-time", time.toISOString())).exitCode).toBe(0);
  expect(await caughtUp(file)).toBe(5);
  expect((await cli("checkpoint", "rewind", file, "--to-time", "1970-01-01T00:00:00Z")).exitCode).toBe(0);
  expect(await caughtUp(file)).toBe(15);
});

test("rewind stops an instance that runs (5), and its last checkpoint cannot undo it", async () => {
  const { file, output } = await prepare();
  const running = startCli(["run", file, "--json", "--checkpoint-interval", "100ms"], { cwd: folder.path, env: env() });
  while (!running.stdout().includes('"progress"')) await sleep(10);
  const { exitCode, stderr } = await cli("checkpoint", "rewind", file, "--to-seq", "6");
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining("exit code 5")]);
  expect((await running.finished).exitCode).toBe(5);
  expect(await caughtUp(file)).toBe(5);
  expect(await streams.count(output)).toBe(15);
});

test("rewind refuses what cannot be, before anything is changed", async () => {
  const { file, name, input, subject } = await prepare();
  const manager = await streams.connection.jetstreamManager();
  await manager.streams.purge(input, { seq: 4 });
  const refusal = async (...flags: string[]): Promise<string> => {
    const { exitCode, stderr } = await cli("checkpoint", "rewind", file, ...flags);
    expect(exitCode).toBe(2);
    return stderr;
  };
  expect(await refusal("--to-seq", "3")).toContain("give 4 to 11");
  expect(await refusal("--to-seq", "12")).toContain("give 4 to 11");
  expect(await refusal("--to-time", "2020-01-01T00:00:00Z")).toContain("with message 4");
  expect(await refusal("--to-time", "yesterday")).toContain("RFC 3339");
  expect(await refusal()).toContain("--to-seq or --to-time");
  expect(await refusal("--to-seq", "5", "--to-time", "2020-01-01T00:00:00Z")).toContain("exclude each other");
  await streams.fill(subject, numberedRows(11, 20));
  expect(await refusal("--to-seq", "15")).toContain("4 between them would never be read; add --skip");
  const { pipelines } = (await json("checkpoint", "ls")) as { pipelines: { name: string; epoch: number }[] };
  expect(pipelines.find((one) => one.name === name)).toMatchObject({ epoch: 1 });
  expect((await cli("checkpoint", "rewind", file, "--to-seq", "15", "--skip")).exitCode).toBe(0);
  expect(await caughtUp(file)).toBe(6);
});

test("rewind takes a stream that was made anew, which a run refuses with 4", async () => {
  const { file, input, subject } = await prepare();
  await (await streams.connection.jetstreamManager()).streams.delete(input);
  await streams.add(input, subject);
  await streams.fill(subject, numberedRows(1, 3));
  expect((await cli("run", file, "--until-caught-up")).exitCode).toBe(4);
  const { exitCode, stdout } = await cli("checkpoint", "rewind", file, "--to-seq", "1");
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("made anew")]);
  expect(await caughtUp(file)).toBe(3);
});

test("fork: a new name goes on where the other stands, or elsewhere, and both live on", async () => {
  const { file, name, subject } = await prepare();
  expect(await json("checkpoint", "fork", file, `${name}-b`)).toMatchObject({ event: "forked", from: name, epoch: 1 });
  await streams.fill(subject, numberedRows(11, 12));
  expect(await caughtUp(file, "--name", `${name}-b`)).toBe(2);
  expect(await caughtUp(file)).toBe(2);
  expect((await cli("checkpoint", "fork", file, `${name}-c`, "--to-seq", "4")).exitCode).toBe(0);
  expect(await caughtUp(file, "--name", `${name}-c`)).toBe(9);
  const again = await cli("checkpoint", "fork", file, `${name}-c`);
  expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining("give another name")]);
});

test("of a file with several pipelines one is chosen", async () => {
  const { file, name, subject, output } = await prepare();
  const two = folder.write(
    `${name}-two.sql`,
    `${pipelineSql().replaceAll("'INPUT'", `'IN${tests}'`).replaceAll("'OUTPUT'", `'${output}'`).replaceAll("out.rows", `out${tests}.rows`)}
SELECT n FROM input;`,
  );
  expect(subject).not.toBe(file);
  const vague = await cli("checkpoint", "rewind", two, "--to-seq", "1");
  expect([vague.exitCode, vague.stderr]).toEqual([
    2,
    expect.stringContaining(`${name}-two-output, ${name}-two-stdout`),
  ]);
  const wrong = await cli("checkpoint", "rewind", two, "--to-seq", "1", "--pipeline", `${name}-two-outpu`);
  expect(wrong.stderr).toContain(`did you mean "${name}-two-output"?`);
});

test("a work queue has no place to go back to", async () => {
  const { file, input, subject } = await prepare();
  const manager = await streams.connection.jetstreamManager();
  await manager.streams.delete(input);
  await streams.add(input, subject, { retention: "workqueue" as never });
  const { exitCode, stderr } = await cli("checkpoint", "rewind", file, "--to-seq", "1");
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("work queue")]);
});
