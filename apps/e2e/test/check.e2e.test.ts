import { existsSync } from "node:fs";
import { join } from "node:path";
import { findFreePort, type NatsServer, startNatsServer } from "@x/nats-testkit";
import type { StreamConfig } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { type CliResult, runCli } from "../src/run-cli.js";
import { openStreams, type Streams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly table?: string;
  readonly message: string;
}

const narrow = "$JS.API.INFO, $JS.API.STREAM.INFO.*, $JS.API.STREAM.MSG.GET.*, _INBOX.>, out.rows";
const users = `authorization { users: [
  { user: app, password: app }
  { user: narrow, password: narrow, permissions: { publish: [${narrow.replaceAll(/[^ ,]+/g, '"$&"')}], subscribe: ["_INBOX.>"] } }
] }`;

let server: NatsServer;
let streams: Streams;
let folder: WorkFolder;
let tests = 0;

beforeAll(async () => {
  server = await startNatsServer({ config: users });
  streams = await openStreams(server.url, { user: "app", pass: "app" });
  folder = openWorkFolder();
});

afterAll(async () => {
  await streams[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** Streams of names of their own for one test, and the SQL between them. */
async function prepare(input: Partial<StreamConfig> = {}, output: Partial<StreamConfig> = {}, user = "app") {
  tests += 1;
  const name = `t${tests}`;
  await streams.add(`IN${tests}`, `in${tests}.rows`, input);
  await streams.add(`OUT${tests}`, `out${tests}.rows`, output);
  const sql = (source = "", sink = ""): string => {
    const auth = `, 'auth.type' = 'credentials', 'auth.username' = '${user}', 'auth.password' = '${user}'`;
    const text = pipelineSql({ source: auth + source, sink: auth + sink });
    return text
      .replaceAll("'INPUT'", `'IN${tests}'`)
      .replaceAll("'OUTPUT'", `'OUT${tests}'`)
      .replaceAll("out.rows", `out${tests}.rows`);
  };
  const write = (text: string): string => folder.write(`${name}.sql`, text);
  return { name, input: `IN${tests}`, output: `OUT${tests}`, subject: `in${tests}.rows`, sql, write };
}

const cli = (args: readonly string[]): Promise<CliResult> =>
  runCli(args, { cwd: folder.path, env: { NATS_URL: server.url } });

async function check(
  file: string,
  flags: readonly string[] = [],
): Promise<{ exitCode: number | null; findings: Finding[] }> {
  const { exitCode, stdout, stderr } = await cli(["check", file, "--json", ...flags]);
  const event = JSON.parse(stdout || "{}") as { event: string; holds: boolean; pipelines: { findings: Finding[] }[] };
  expect(event.event, stderr).toBe("check");
  expect(event.holds).toBe(exitCode === 0);
  return { exitCode, findings: event.pipelines.flatMap(({ findings }) => findings) };
}

const ids = (findings: readonly Finding[], severity = "error"): string[] =>
  findings.filter((finding) => finding.severity === severity).map(({ id }) => id);

describe("check", () => {
  test("a sound pipeline: exit 0, in words and as JSON; nothing is created", async () => {
    const { input, output, sql, write } = await prepare();
    const file = write(sql("", ", message_id = '{n}'"));
    const { exitCode, findings } = await check(file, ["--recovery-time", "30s"]);
    expect([exitCode, ids(findings), ids(findings, "warning")]).toEqual([0, [], []]);
    const words = await cli(["check", file, "--recovery-time", "30s"]);
    expect(words.stdout).toContain("at least once, in order");
    expect(words.stdout).toContain("the promise can hold");
    expect(words.stdout).not.toContain("\x1b");
    expect([...(await streams.consumers(input)), ...(await streams.consumers(output))]).toEqual([]);
    expect(existsSync(join(folder.path, ".nats-pipeline"))).toBe(false);
  });

  test("streams that are missing: exit 2, each named", async () => {
    const file = folder.write("missing.sql", pipelineSql({ source: auth(), sink: auth() }));
    const { exitCode, findings } = await check(file);
    expect(exitCode).toBe(2);
    expect(ids(findings)).toEqual(["source-stream-missing", "sink-stream-missing"]);
    expect(findings.map(({ table }) => table)).toEqual(expect.arrayContaining(["input", "output"]));
  });

  test("a checkpoint that retention has overtaken: exit 2 with the range, and run says the same", async () => {
    const { input, subject, sql, write } = await prepare();
    const file = write(sql());
    await streams.fill(subject, numberedRows(1, 10));
    expect((await cli(["run", file, "--until-caught-up"])).exitCode).toBe(0);
    expect((await check(file)).exitCode).toBe(0);
    await streams.fill(subject, numberedRows(11, 20));
    await (await streams.connection.jetstreamManager()).streams.purge(input, { seq: 15 });
    const { exitCode, findings } = await check(file);
    expect([exitCode, ids(findings)]).toEqual([2, ["position-gone"]]);
    expect(findings[0]?.message).toContain("messages 11 to 14");
    expect((await cli(["run", file, "--until-caught-up"])).exitCode).toBe(4);
  });

  test("a stream that was made anew: exit 2, and run says the same", async () => {
    const { input, subject, sql, write } = await prepare();
    const file = write(sql());
    await streams.fill(subject, numberedRows(1, 10));
    expect((await cli(["run", file, "--until-caught-up"])).exitCode).toBe(0);
    const manager = await streams.connection.jetstreamManager();
    await manager.streams.delete(input);
    await streams.add(input, subject);
    await streams.fill(subject, numberedRows(1, 10));
    expect(ids((await check(file)).findings)).toEqual(["stream-replaced"]);
    expect((await cli(["run", file, "--until-caught-up"])).exitCode).toBe(4);
  });

  test("a work queue that somebody else reads, from a place it cannot be read from", async () => {
    const { input, sql, write } = await prepare({ retention: "workqueue" as StreamConfig["retention"] });
    const manager = await streams.connection.jetstreamManager();
    await manager.consumers.add(input, { durable_name: "rival", ack_policy: "explicit" as never });
    const { exitCode, findings } = await check(write(sql(", deliver_policy = 'new'")));
    expect([exitCode, ids(findings)]).toEqual([2, ["work-queue-start", "work-queue-shared"]]);
    expect(findings.find(({ id }) => id === "work-queue-shared")?.message).toContain('"rival"');
  });

  test("a Core sink into a stream, output that feeds the input, dead letters that loop", async () => {
    const { input, subject, sql, write } = await prepare();
    const looping = sql(`, bad_data = 'dead_letter', 'dead_letter.subject' = '${subject}'`).replace(
      /stream = 'OUT\d+', subject = '[^']+'/,
      `subject = '${subject}'`,
    );
    const { exitCode, findings } = await check(write(looping));
    expect(exitCode).toBe(2);
    expect(ids(findings)).toEqual(["core-publish-into-stream", "dead-letter-loop", "output-feeds-input"]);
    expect(findings[0]?.message).toContain(`"${input}"`);
  });

  test("missing permissions: exit 2, naming exactly those, and run says 3", async () => {
    const { input, sql, write } = await prepare({}, {}, "narrow");
    const file = write(sql());
    const { exitCode, findings } = await check(file);
    expect([exitCode, ids(findings)]).toEqual([2, ["permission-missing", "permission-missing"]]);
    const source = findings.find(({ table }) => table === "input")?.message ?? "";
    expect(source).toContain(`publish to "$JS.API.CONSUMER.CREATE.${input}.*"`);
    expect(source).not.toContain("STREAM.INFO");
    // A limits stream is read without acks.
    expect(source).not.toContain("$JS.ACK");
    expect(findings.map(({ id }) => id)).toContain("not-all-readable");
    expect((await cli(["run", file, "--until-caught-up", "--state", "memory:"])).exitCode).toBe(3);
  });

  test("no server: 7; a wrong password: 3; an option that cannot be: 2 with its place", async () => {
    const { sql, write } = await prepare();
    const port = await findFreePort();
    const away = sql()
      .replaceAll("type = ", "connect_timeout = '1s', type = ")
      .replaceAll("{{ NATS_URL }}", `127.0.0.1:${port}`);
    expect((await cli(["check", write(away)])).exitCode).toBe(7);
    const wrong = sql().replaceAll("'auth.password' = 'app'", "'auth.password' = 'no'");
    expect((await cli(["check", write(wrong)])).exitCode).toBe(3);
    const broken = await cli(["check", write(sql().replace("subject = '", "subject = '*."))]);
    expect(broken.exitCode).toBe(2);
    expect(broken.stderr).toContain("OPTION_INVALID");
  });
});

function auth(): string {
  return ", 'auth.type' = 'credentials', 'auth.username' = 'app', 'auth.password' = 'app'";
}
