import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type NatsServer, startNatsServer } from "@x/nats-testkit";
import { headers } from "nats";
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

const options = () => ({ cwd: folder.path, env: { NATS_URL: server.url } });
const cli = (...args: string[]): Promise<CliResult> => runCli(args, options());

async function prepare({ rows = 100, sink = ", lineage = true", source = "", select = "SELECT * FROM input" } = {}) {
  tests += 1;
  const [input, output, subject] = [`IN${tests}`, `OUT${tests}`, `in${tests}.rows`];
  await streams.add(input, subject);
  await streams.add(output, `out${tests}.rows`);
  await streams.fill(subject, numberedRows(1, rows));
  const sql = pipelineSql({ sink, source, select })
    .replaceAll("'INPUT'", `'${input}'`)
    .replaceAll("'OUTPUT'", `'${output}'`)
    .replaceAll("out.rows", `out${tests}.rows`);
  const file = folder.write(`t${tests}.sql`, sql);
  const run = async (): Promise<void> => {
    const result = await cli("run", file, "--json", "--until-caught-up");
    expect(result.exitCode, result.stderr).toBe(0);
  };
  await run();
  const verify = async (...flags: string[]): Promise<Record<string, unknown>> => {
    const { exitCode, stdout, stderr } = await cli("verify", file, "--json", ...flags);
    expect(stdout, stderr).not.toBe("");
    const event = JSON.parse(stdout);
    expect(exitCode, stderr).toBe(event.holds ? 0 : 4);
    return event;
  };
  return { name: `t${tests}`, file, input, output, subject, out: `out${tests}.rows`, run, verify };
}

const none = { lost: 0, duplicated: 0, reordered: 0, unexpected: 0 };

test("a sound run: no difference, in words and as JSON, and nothing is left on the server", async () => {
  const { file, input, output, subject, verify } = await prepare();
  await streams.fill(subject, numberedRows(101, 105));
  expect(await verify()).toMatchObject({ event: "verify", to: 100, inputs: 100, expected: 100, found: 100, ...none });
  const words = await cli("verify", file);
  expect(words.stdout).toMatch(
    /100 read, 100 rows expected, 100 found\n +0 lost\n +0 duplicated\n[\s\S]*no difference/,
  );
  expect([...(await streams.consumers(input)), ...(await streams.consumers(output))]).toEqual([]);
});

test("what is lost, repeated, out of order or nobody's is counted exactly", async () => {
  const { file, name, input, output, out, run, verify } = await prepare();
  expect((await cli("checkpoint", "rewind", file, "--to-seq", "91")).exitCode).toBe(0);
  await run();
  expect(await verify()).toMatchObject({ holds: false, expected: 100, found: 110, ...none, duplicated: 10 });
  expect(await verify("--allow-duplicates")).toMatchObject({ holds: true, duplicated: 10 });

  const manager = await streams.connection.jetstreamManager();
  for (const seq of [20, 40, 60]) await manager.streams.deleteMessage(output, seq);
  const lost = await verify("--allow-duplicates");
  expect(lost).toMatchObject({ holds: false, lost: 3, examples: { lost: ["20", "40", "60"] } });

  // The lost row 40, too late; and one that no input makes.
  const late = headers();
  for (const [key, value] of [
    ["X-Source-Stream", input],
    ["X-Source-Sequence", "40"],
    ["X-Pipeline", name],
  ] as const) {
    late.append(key, value);
  }
  await streams.connection.jetstream().publish(out, '{"n":40}', { headers: late });
  expect(await verify("--allow-duplicates")).toMatchObject({
    lost: 2,
    reordered: 1,
    examples: { reordered: ["40 behind 100"] },
  });
  await manager.streams.deleteMessage(input, 50);
  expect(await verify("--allow-duplicates")).toMatchObject({ inputs: 99, lost: 2, unverifiable: 1 });
  expect(await verify("--from-seq", "61", "--to-seq", "90")).toMatchObject({
    inputs: 30,
    expected: 30,
    holds: true,
    ...none,
  });
});

test("a WHERE leaves rows out that are not lost, lines make several rows of one message", async () => {
  const filtered = await prepare({ select: "SELECT n FROM input WHERE n % 3 = 0" });
  expect(await filtered.verify()).toMatchObject({ holds: true, inputs: 100, expected: 33, found: 33, ...none });

  const { output, subject, run, verify } = await prepare({ rows: 1, source: ", framing = 'newline'" });
  await streams.connection.jetstream().publish(subject, '{"n":2}\n{"n":3}\n{"n":4}\n');
  await run();
  expect(await verify()).toMatchObject({ holds: true, inputs: 2, expected: 4, ...none });
  await (await streams.connection.jetstreamManager()).streams.deleteMessage(output, 3);
  expect(await verify()).toMatchObject({ lost: 1, examples: { lost: ["2.1"] } });
});

test("--key tells rows apart where there is no lineage", async () => {
  const { file, output, out, verify } = await prepare({ sink: "" });
  const without = await cli("verify", file);
  expect([without.exitCode, without.stderr]).toEqual([2, expect.stringContaining("set lineage = true")]);
  const wrong = await cli("verify", file, "--key", "m");
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('no column "m"')]);
  expect(await verify("--key", "n")).toMatchObject({ holds: true, expected: 100, found: 100, ...none });
  // Rows of messages outside of the range are in the sink as well, and no difference.
  expect(await verify("--key", "n", "--from-seq", "31", "--to-seq", "90")).toMatchObject({
    ...{ holds: true, inputs: 60, expected: 60, found: 100, unverifiable: 40, ...none },
  });
  await (await streams.connection.jetstreamManager()).streams.deleteMessage(output, 7);
  await streams.fill(out, [{ n: 7 }, { n: 8 }, { n: 500 }]);
  expect(await verify("--key", "n")).toMatchObject({
    holds: false,
    lost: 0,
    reordered: 1,
    duplicated: 1,
    unexpected: 1,
  });
});

/** Ends a verify in its middle. One that was done before the signal came has removed its file, and begins anew. */
async function endMidway(file: string, progress: string, signal: NodeJS.Signals): Promise<CliResult> {
  for (;;) {
    const running = startCli(["verify", file, "--progress", progress], options());
    let ended = false;
    const finished = running.finished.finally(() => {
      ended = true;
    });
    while (!existsSync(progress) && !ended) await sleep(5);
    running.child.kill(signal);
    const result = await finished;
    if (existsSync(progress)) return result;
  }
}

test("killed and started again with --progress, it goes on and counts the same", async () => {
  const { file, name, verify } = await prepare({ rows: 20_000 });
  const progress = join(folder.path, `${name}.progress`);
  await endMidway(file, progress, "SIGKILL");
  const other = await cli("verify", file, "--progress", progress, "--to-seq", "5");
  const changed = folder.write(`${name}-2.sql`, `${readFileSync(file, "utf8")}-- another text`);
  const edited = await cli("verify", changed, "--name", name, "--progress", progress);
  expect([edited.exitCode, edited.stderr]).toEqual([2, expect.stringContaining("another pipeline, query")]);
  expect([other.exitCode, other.stderr]).toEqual([2, expect.stringContaining("another pipeline, query, range or key")]);
  expect(await verify("--progress", progress)).toMatchObject({ holds: true, inputs: 20_000, found: 20_000, ...none });
  expect(existsSync(progress)).toBe(false);
});

test("interrupted while its pipeline goes on, it ends with what it began with", async () => {
  const { file, name, subject, run, verify } = await prepare({ rows: 20_000 });
  const progress = join(folder.path, `${name}.progress`);
  const result = await endMidway(file, progress, "SIGINT");
  expect([result.exitCode, result.stderr]).toEqual([130, expect.stringContaining("run it again to go on")]);
  await streams.fill(subject, numberedRows(20_001, 20_010));
  await run();
  const resumed = await verify("--progress", progress);
  expect(resumed).toMatchObject({ holds: true, to: 20_000, inputs: 20_000, expected: 20_000, ...none });
  expect((await verify()).to).toBe(20_010);
});
