import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const [createInput = ""] = pipelineSql({ columns: "n BIGINT, seq BIGINT METADATA FROM 'stream_sequence'" }).split(";");

test("a bare SELECT prints rows as JSON lines; --max-rows ends it; a closed pipe ends it cleanly", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.fill("in.rows", numberedRows(1, 50_000));
  const file = folder.write("job.sql", `${createInput};\nSELECT n AS number, seq FROM input;\n`);
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };

  const limited = await runCli(["run", file, "--state", "memory:", "--max-rows", "3"], options);
  expect(limited.exitCode, limited.stderr).toBe(0);
  expect(limited.stdout).toBe('{"number":1,"seq":1}\n{"number":2,"seq":2}\n{"number":3,"seq":3}\n');

  const all = await runCli(["run", file, "--state", "memory:", "--until-caught-up"], options);
  expect(all.stdout.trimEnd().split("\n")).toHaveLength(50_000);

  const piped = startCli(["run", file, "--state", "memory:"], options);
  await new Promise<void>((resolve) => piped.child.stdout?.once("data", () => resolve()));
  piped.child.stdout?.destroy();
  const result = await piped.finished;
  expect(result.exitCode, result.stderr).toBe(0);
});

test("no checkpoint covers rows that nobody got: a reader that has gone, a disk that is full", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.fill("in.rows", numberedRows(1, 20_000));
  const file = folder.write("job.sql", `${createInput};\nSELECT n FROM input;\n`);
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const firstOf = async (name: string): Promise<number> => {
    const rest = await runCli(["run", file, "--name", name, "--max-rows", "1"], options);
    expect(rest.exitCode, rest.stderr).toBe(0);
    return JSON.parse(rest.stdout.split("\n")[0] ?? "").n;
  };

  const piped = startCli(["run", file, "--name", "piped"], options);
  await new Promise<void>((resolve) => piped.child.stdout?.once("data", () => resolve()));
  piped.child.stdout?.destroy();
  const gone = await piped.finished;
  expect(gone.exitCode, gone.stderr).toBe(0);
  const taken = Number(/(\d+) rows out/.exec(gone.stderr)?.[1]);
  expect(await firstOf("piped")).toBeLessThanOrEqual(taken + 1);

  const full = await runCli(["run", file, "--name", "full", "--until-caught-up"], { ...options, brokenStdout: true });
  expect([full.exitCode, full.stderr]).toEqual([1, expect.stringContaining("stdout cannot be written: EBADF")]);
  expect(await firstOf("full")).toBe(1);
}, 60_000);

test("a command whose answer cannot be written does not end as if it were", async () => {
  const full = await runCli(["--help"], { brokenStdout: true });
  expect([full.exitCode, full.stderr]).toEqual([1, expect.stringContaining("stdout cannot be written: EBADF")]);
});
