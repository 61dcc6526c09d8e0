import { findFreePort, type NatsServer, startNatsServer } from "@x/nats-testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pipelineSql } from "../src/pipeline-sql.js";
import { type CliResult, runCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

const PASSWORD = "correct-horse-battery";
let folder: WorkFolder;
let server: NatsServer;

beforeAll(async () => {
  folder = openWorkFolder();
  server = await startNatsServer({ config: `authorization { users: [{ user: app, password: "${PASSWORD}" }] }` });
  await using streams = await openStreams(server.url, { user: "app", pass: PASSWORD });
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const auth = ", 'auth.type' = 'credentials', 'auth.username' = 'app', 'auth.password' = '{{ NATS_PASSWORD }}'";
const sql = (change: (text: string) => string = (text) => text): string =>
  change(pipelineSql({ source: auth, sink: auth }));

async function run(text: string, env: Record<string, string> = {}, flags: readonly string[] = []): Promise<CliResult> {
  const file = folder.write("job.sql", text);
  return await runCli(["run", file, "--json", "--until-caught-up", "--state", "memory:", ...flags], {
    cwd: folder.path,
    env: { NATS_URL: server.url, NATS_PASSWORD: PASSWORD, ...env },
  });
}

function errorEvent(result: CliResult): { code: string; exitCode: number; message: string } {
  const events = result.stdout.split("\n").filter((line) => line.startsWith('{"event":"error"'));
  expect(events, result.stderr).toHaveLength(1);
  return JSON.parse(events[0] as string);
}

describe("exit codes and messages", () => {
  test("all well: 0", async () => {
    const result = await run(sql());
    expect(result.exitCode, result.stderr).toBe(0);
  });

  test("a misspelt option: 2, with a proposal, the line and a caret under the place", async () => {
    const result = await run(sql((text) => text.replace("stream = 'INPUT'", "strem = 'INPUT'")));
    expect(result.exitCode).toBe(2);
    expect(errorEvent(result)).toMatchObject({ code: "OPTION_UNKNOWN", exitCode: 2 });
    const lines = result.stderr.split("\n");
    expect(lines[0]).toMatch(/job\.sql:2:\d+: OPTION_UNKNOWN: unknown option "strem"; did you mean "stream"\?$/);
    expect(lines[1]).toContain("strem = 'INPUT'");
    expect(lines[2]).toMatch(/^ *\^+$/);
    expect(result.stderr).not.toContain("    at ");
  });

  test("an unknown format: 2, with every valid choice", async () => {
    const result = await run(sql((text) => text.replace("format = 'json'", "format = 'jsson'")));
    expect(result.exitCode).toBe(2);
    expect(errorEvent(result).message).toMatch(
      /"format": expected one of "json", .*"raw_bytes", got "jsson"; did you mean "json"\?$/,
    );
  });

  test("a missing stream: 2 at once, with its name", async () => {
    const result = await run(sql((text) => text.replace("'INPUT'", "'NOWHERE'")));
    expect(result.exitCode).toBe(2);
    expect(errorEvent(result)).toMatchObject({ code: "STREAM_NOT_FOUND" });
    expect(errorEvent(result).message).toContain("NOWHERE");
  });

  test("a wrong password: 3 at once, and no secret anywhere", async () => {
    const startedAt = Date.now();
    const result = await run(sql(), { NATS_PASSWORD: "wrong-horse" });
    expect(result.exitCode).toBe(3);
    expect(errorEvent(result)).toMatchObject({ code: "AUTH_FAILED" });
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    expect(result.stdout + result.stderr).not.toContain("wrong-horse");
  });

  test("a literal secret on the line of a mistake is not shown", async () => {
    const result = await run(
      sql((text) =>
        text.replace("'{{ NATS_PASSWORD }}'", "'hunter2hunter2'").replace("stream = 'INPUT'", "strem = 'INPUT'"),
      ),
    );
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain("[secret]");
    expect(result.stdout + result.stderr).not.toContain("hunter2");
  });

  test("a server that is not there: 7 within connect_timeout, naming it", async () => {
    const port = await findFreePort();
    const result = await run(
      sql((text) => text.replaceAll("type = ", "connect_timeout = '1s', type = ")),
      { NATS_URL: `nats://127.0.0.1:${port}` },
    );
    expect(result.exitCode).toBe(7);
    expect(errorEvent(result)).toMatchObject({ code: "CONNECT_FAILED" });
    expect(errorEvent(result).message).toContain(`127.0.0.1:${port}`);
  });

  test("a missing variable: 2, naming it and its place", async () => {
    const result = await run(sql((text) => text.replaceAll("NATS_PASSWORD", "NO_SUCH_VARIABLE")));
    expect(result.exitCode).toBe(2);
    expect(errorEvent(result)).toMatchObject({ code: "ENV_MISSING" });
    expect(result.stderr).toMatch(/job\.sql:2:\d+: ENV_MISSING: .*NO_SUCH_VARIABLE/);
  });

  test("variables come from --env-file as well, those already set win", async () => {
    const envFile = folder.write("job.env", `OTHER_PASSWORD=${PASSWORD}\nNATS_URL=nats://127.0.0.1:1\n`);
    const result = await run(
      sql((text) => text.replaceAll("NATS_PASSWORD", "OTHER_PASSWORD")),
      {},
      ["--env-file", envFile],
    );
    expect(result.exitCode, result.stderr).toBe(0);
  });

  test("a profile gives servers and authentication by name", async () => {
    const profile = {
      servers: "{{ NATS_URL }}",
      auth: { type: "credentials", username: "app", password: "{{ NATS_PASSWORD }}" },
    };
    const profiles = folder.write("profiles.json", JSON.stringify({ local: profile }));
    const text = pipelineSql().replaceAll("servers = '{{ NATS_URL }}'", "connection_profile = 'local'");
    const result = await run(text, {}, ["--profiles", profiles]);
    expect(result.exitCode, result.stderr).toBe(0);
    const unknown = await run(text.replaceAll("'local'", "'locl'"), {}, ["--profiles", profiles]);
    expect(unknown.exitCode).toBe(2);
    expect(errorEvent(unknown).message).toContain('did you mean "local"');
  });

  test("a syntax error: 2, with its place", async () => {
    const result = await run("CREATE TABLE t (n INT) WITH (connector = );\n");
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/job\.sql:1:\d+: SQL_SYNTAX: /);
  });

  test("a message that is no row: 6, naming subject, sequence and column but not the value", async () => {
    await using streams = await openStreams(server.url, { user: "app", pass: PASSWORD });
    await streams.add("POISON", "poison.rows");
    await streams.fill("poison.rows", [{ n: 1 }, { n: "not-a-number" }]);
    const result = await run(sql((text) => text.replace("'INPUT'", "'POISON'")));
    expect(result.exitCode).toBe(6);
    expect(errorEvent(result).message).toBe(
      `message 2 of stream "POISON" (subject "poison.rows"): column "n": expected BIGINT, got string`,
    );
    expect(result.stdout + result.stderr).not.toContain("not-a-number");
    expect(result.pipelines).toMatchObject([{ exitCode: 6, badRows: 1 }]);

    const dropping = await run(sql((text) => text.replace("'INPUT'", "'POISON', bad_data = 'drop'")));
    expect(dropping.pipelines).toMatchObject([{ exitCode: 0, rowsIn: 1, badRows: 1 }]);
  });

  test.each([
    [["--group", "g", "--state", "file:state"], "USAGE", "nats-kv:BUCKET; got"],
    [["--workers", "0"], "USAGE", "a whole number above 0"],
    [["--workers", "2", "--max-rows", "5"], "USAGE", "cannot be exact"],
    [["--workers", "2"], "USAGE", "use file:DIR or nats-kv:BUCKET"],
  ])("%j cannot be: 2, with what would work", async (flags, code, remedy) => {
    const result = await run(sql(), {}, flags);
    expect(result.exitCode).toBe(2);
    expect(errorEvent(result)).toMatchObject({ code, message: expect.stringContaining(remedy) });
  });

  test("an input without splits in order, or rows for stdout, in workers: 2, with what to do instead", async () => {
    const workers = ["--workers", "2", "--state", "file:state"];
    const shared = await run(
      sql((text) => text.replace("'INPUT'", "'INPUT', ordering = 'none'")),
      {},
      workers,
    );
    expect(errorEvent(shared)).toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringContaining("start several"),
    });
    const bare = await run(
      sql((text) => text.replace("INSERT INTO output ", "")),
      {},
      workers,
    );
    expect(errorEvent(bare)).toMatchObject({ code: "UNSUPPORTED", message: expect.stringContaining("run it alone") });
    expect([shared.exitCode, bare.exitCode]).toEqual([2, 2]);
  });

  test("exactly once into a stream that cannot: 2, saying what would make it possible", async () => {
    const result = await run(pipelineSql({ source: auth, sink: `${auth}, delivery = 'exactly_once'` }));
    expect(result.exitCode).toBe(2);
    expect(errorEvent(result)).toMatchObject({ code: "CAPABILITY_MISSING" });
    expect(errorEvent(result).message).toContain("set allow_atomic on the stream");
  });

  test("an unknown flag and an unknown command: 2, with a proposal", async () => {
    const flag = await runCli(["run", "job.sql", "--until-cought-up"], { cwd: folder.path });
    expect([flag.exitCode, flag.stderr]).toEqual([2, expect.stringContaining("--until-caught-up")]);
    const command = await runCli(["rum"], { cwd: folder.path });
    expect([command.exitCode, command.stderr]).toEqual([2, expect.stringContaining("run")]);
    const json = await runCli(["run", "job.sql", "--json", "--until-cought-up"], { cwd: folder.path });
    expect(JSON.parse(json.stdout)).toEqual({
      ...{ event: "error", code: "USAGE", exitCode: 2 },
      message: expect.stringContaining("--until-cought-up"),
    });
  });
});
