import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { startCli } from "../src/run-cli.js";
import { compareRows, SplitStreams, splitPipelineSql } from "../src/split-pipeline.js";
import { openWorkFolder } from "../src/work-folder.js";

const flags = ["--json", "--checkpoint-interval", "50ms", "--log-level", "info"];

test("two workers share the splits of a file's state, and each row is written once", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  await streams.feed(4000);
  const file = folder.write("job.sql", splitPipelineSql("exactly_once"));
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const run = startCli(["run", file, "--workers", "2", "--until-caught-up", ...flags], options);
  const { exitCode, pipelines, stderr } = await run.finished;
  expect(exitCode, stderr).toBe(0);
  const each = { rowsIn: 1000, rowsOut: 1000 };
  const splits = { 0: each, 1: each, 2: each, 3: each };
  expect(pipelines).toMatchObject([{ name: "job", rowsIn: 4000, rowsOut: 4000, splits }]);
  expect(compareRows(await streams.outputs(), 4000)).toEqual({ lost: 0, repeated: 0 });

  // Nothing is there for the next one, which says so at once.
  const again = await startCli(["run", file, "--workers", "1", "--until-caught-up", ...flags], options).finished;
  expect(again, again.stderr).toMatchObject({ exitCode: 0, pipelines: [{ rowsIn: 0 }] });
  const alone = await startCli(["run", file, "--until-caught-up", ...flags], options).finished;
  expect(alone.exitCode).toBe(2);
  expect(alone.stderr).toContain("--workers 1 is one process");
  expect(await streams.outputCount()).toBe(4000);
}, 60_000);

test("a second command on the same state takes the pipeline over, and the first one ends with 5", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  await streams.feed(1000);
  const file = folder.write("job.sql", splitPipelineSql("exactly_once"));
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const older = startCli(["run", file, "--workers", "2", ...flags], options);
  await expect.poll(() => streams.outputCount(), { timeout: 30_000 }).toBe(1000);
  const newer = startCli(["run", file, "--workers", "1", ...flags], options);
  const fenced = await older.finished;
  expect(fenced.exitCode, fenced.stderr).toBe(5);
  await streams.feed(1000);
  await expect.poll(() => streams.outputCount(), { timeout: 30_000 }).toBe(2000);
  newer.child.kill("SIGINT");
  const { exitCode, stderr } = await newer.finished;
  expect(exitCode, stderr).toBe(0);
  expect(compareRows(await streams.outputs(), 2000)).toEqual({ lost: 0, repeated: 0 });
}, 120_000);
