import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { workersOf } from "../src/group-members.js";
import { startCli } from "../src/run-cli.js";
import { compareRows, SplitStreams, splitPipelineSql } from "../src/split-pipeline.js";
import { openWorkFolder } from "../src/work-folder.js";

const flags = ["--json", "--checkpoint-interval", "50ms", "--log-level", "info"];

test("a worker that is killed under load is replaced, and each row is still written once", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  const file = folder.write("job.sql", splitPipelineSql("exactly_once"));
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const run = startCli(["run", file, "--workers", "2", ...flags], options);
  const feeding = new AbortController();
  const fed = streams.feedUntil(feeding.signal);
  for (let killed = 0; killed < 2; killed++) {
    const before = await streams.outputCount();
    await expect.poll(() => streams.outputCount(), { timeout: 30_000 }).toBeGreaterThan(before + 200);
    await expect.poll(() => workersOf(run).length, { timeout: 30_000 }).toBe(2 + killed);
    process.kill(workersOf(run)[killed] ?? 0, "SIGKILL");
  }
  await expect.poll(() => workersOf(run).length, { timeout: 30_000 }).toBe(4);
  feeding.abort();
  await fed;
  await expect.poll(() => streams.outputCount(), { timeout: 60_000 }).toBe(streams.fed);
  run.child.kill("SIGTERM");
  const { exitCode, stderr } = await run.finished;
  expect(exitCode, stderr).toBe(0);
  expect(compareRows(await streams.outputs(), streams.fed)).toEqual({ lost: 0, repeated: 0 });
}, 120_000);

test("workers end by themselves when their command is killed, and the next one goes on exactly", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await SplitStreams.open(server.url);
  const file = folder.write("job.sql", splitPipelineSql("exactly_once"));
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const run = startCli(["run", file, "--workers", "2", ...flags], options);
  const feeding = new AbortController();
  const fed = streams.feedUntil(feeding.signal);
  await expect.poll(() => streams.outputCount(), { timeout: 30_000 }).toBeGreaterThan(200);
  const workers = workersOf(run);
  expect(workers.length).toBe(2);
  run.child.kill("SIGKILL");
  for (const pid of workers) await expect.poll(() => isThere(pid), { timeout: 30_000 }).toBe(false);
  feeding.abort();
  await fed;
  const next = await startCli(["run", file, "--workers", "1", "--until-caught-up", ...flags], options).finished;
  expect(next.exitCode, next.stderr).toBe(0);
  expect(compareRows(await streams.outputs(), streams.fed)).toEqual({ lost: 0, repeated: 0 });
}, 120_000);

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
