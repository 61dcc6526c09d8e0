import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort, type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { type CliResult, runCli, startCli } from "../src/run-cli.js";
import { stopTwice } from "../src/stop-twice.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

const LOGIN = { user: "app", pass: "app" };

let server: NatsServer;
let streams: Streams;
let folder: WorkFolder;
let tests = 0;

beforeAll(async () => {
  server = await startNatsServer({ config: 'authorization { users: [{ user: "app", password: "app" }] }' });
  streams = await openStreams(server.url, LOGIN);
  folder = openWorkFolder();
});

afterAll(async () => {
  await streams[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** A pipeline over streams of its own, with a few rows in front of it. */
async function prepare() {
  tests += 1;
  const [input, output] = [`IN${tests}`, `OUT${tests}`];
  await streams.add(input, `in${tests}.rows`);
  await streams.add(output, `out${tests}.rows`);
  await streams.fill(`in${tests}.rows`, numberedRows(1, 5));
  const auth = ", 'auth.type' = 'credentials', 'auth.username' = 'app', 'auth.password' = '{{ PASSWORD }}'";
  const sql = pipelineSql({ source: auth, sink: auth })
    .replaceAll("'INPUT'", `'${input}'`)
    .replaceAll("'OUTPUT'", `'${output}'`)
    .replaceAll("out.rows", `out${tests}.rows`);
  const file = folder.write(`t${tests}.sql`, sql);
  const options = (env: Record<string, string> = {}) => ({
    cwd: folder.path,
    env: { NATS_URL: server.url, PASSWORD: "app", ...env },
  });
  const run = (...flags: string[]): Promise<CliResult> =>
    runCli(["run", file, "--json", "--until-caught-up", ...flags], options());
  const start = (...flags: string[]) =>
    startCli(["run", file, "--json", "--checkpoint-interval", "100ms", ...flags], options());
  return { file, input, output, subject: `in${tests}.rows`, options, run, start };
}

/** How a real run comes to end with each code. */
const scenarios: Readonly<Record<string, () => Promise<CliResult>>> = {
  "0": async () => (await prepare()).run(),
  "1": async () => {
    const { run } = await prepare();
    return run("--state", `file:${folder.write("in-the-way", "a file, no folder")}`);
  },
  "2": async () => (await prepare()).run("--checkpoint-interval", "soon"),
  "3": async () => {
    const { file, options } = await prepare();
    return runCli(["run", file, "--json"], options({ PASSWORD: "wrong" }));
  },
  "4": async () => {
    const { run, input, subject } = await prepare();
    expect((await run()).exitCode).toBe(0);
    await streams.fill(subject, numberedRows(6, 9));
    await (await streams.connection.jetstreamManager()).streams.purge(input, { seq: 8 });
    return run();
  },
  "5": async () => {
    const { start, output, run } = await prepare();
    const older = start();
    while ((await streams.count(output)) < 5) await sleep(10);
    expect((await run()).exitCode).toBe(0);
    return older.finished;
  },
  "6": async () => {
    const { subject, run } = await prepare();
    await streams.fill(subject, [{ n: "six" }]);
    return run();
  },
  "7": async () => {
    const { file, options } = await prepare();
    const text = readFileSync(file, "utf8").replaceAll("type = ", "connect_timeout = '1s', type = ");
    const url = `127.0.0.1:${await findFreePort()}`;
    return runCli(["run", folder.write("away.sql", text), "--json"], options({ NATS_URL: url }));
  },
  "130": async () => stopTwice(folder, "SIGINT"),
};

const docs = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
const documented = [...docs.matchAll(/^\| (\d+) \| (.+) \|$/gm)].map(([, code = ""]) => code);

test("docs/errors.md lists each exit code that a run is seen to end with, and no other", () => {
  expect(documented).toEqual(Object.keys(scenarios).sort((a, b) => Number(a) - Number(b)));
});

test.each(documented)("a run ends with %s, and says so in its last JSON line", async (code) => {
  const result = await scenarios[code]?.();
  expect(String(result?.exitCode), result?.stderr).toBe(code);
  const last = JSON.parse(result?.stdout.trimEnd().split("\n").at(-1) ?? "{}");
  if (last.event === "summary") expect(last.pipelines[0].exitCode).toBe(Number(code));
  else expect(last).toMatchObject({ event: "error", exitCode: Number(code) });
});
