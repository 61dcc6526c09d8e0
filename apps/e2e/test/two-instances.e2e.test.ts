import { setTimeout as sleep } from "node:timers/promises";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const numbers = (rows: readonly { n: number }[]): number[] => rows.map((row) => row.n);

test("two jobs called job.sql with state of their own each read everything", async () => {
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.a");
  await streams.add("OTHER", "out.b");
  await streams.fill("in.rows", numberedRows(1, 20_000));
  using a = openWorkFolder();
  using b = openWorkFolder();
  const env = { NATS_URL: server.url };
  const args = (file: string): string[] => ["run", file, "--json", "--until-caught-up"];
  const results = await Promise.all([
    startCli(args(a.write("job.sql", pipelineSql().replace("out.rows", "out.a"))), { env, cwd: a.path }).finished,
    startCli(args(b.write("job.sql", pipelineSql().replace("out.rows", "out.b").replace("'OUTPUT'", "'OTHER'"))), {
      env,
      cwd: b.path,
    }).finished,
  ]);
  expect(results.map((result) => result.exitCode)).toEqual([0, 0]);
  const everything = numbers(numberedRows(1, 20_000));
  expect(numbers(await streams.rows("OUTPUT"))).toEqual(everything);
  expect(numbers(await streams.rows("OTHER"))).toEqual(everything);
});

test("two instances of one job: the newer goes on, the older stops with 5, no row is missing", async () => {
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill("in.rows", numberedRows(1, 5000));
  using folder = openWorkFolder();
  const file = folder.write("job.sql", pipelineSql());
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const older = startCli(["run", file, "--json", "--checkpoint-interval", "100ms"], options);
  while ((await streams.count("OUTPUT")) === 0) await sleep(5);
  const newer = startCli(["run", file, "--json", "--checkpoint-interval", "100ms"], options);
  expect((await older.finished).exitCode).toBe(5);
  expect(older.stderr()).toContain("FENCED");
  await streams.fill("in.rows", numberedRows(5001, 6000));
  const seen = async (): Promise<number> => new Set(numbers(await streams.rows("OUTPUT"))).size;
  await expect.poll(seen, { timeout: 60_000, interval: 100 }).toBe(6000);
  newer.child.kill("SIGINT");
  expect((await newer.finished).exitCode).toBe(0);
});
