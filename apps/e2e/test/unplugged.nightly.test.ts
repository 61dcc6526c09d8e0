import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const OUTAGE_MS = Number(process.env.OUTAGE_MS ?? 30_000);
const CHUNK = 500;

const memoryOf = (pid: number): number =>
  Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)]).toString()) / 1024;

test("unplugged under load: memory stays flat, nothing is lost, and it resumes by itself", {
  timeout: OUTAGE_MS + 180_000,
}, async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using proxy = await startFaultProxy({ target: server.url });
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  const file = folder.write("job.sql", pipelineSql());
  const running = startCli(["run", file, "--json"], { env: { NATS_URL: proxy.url }, cwd: folder.path });
  let published = 0;
  let loading = true;
  const load = (async () => {
    while (loading) {
      await streams.fill("in.rows", numberedRows(published + 1, published + CHUNK));
      published += CHUNK;
      await sleep(50);
    }
  })();
  while ((await streams.count("OUTPUT")) < 20 * CHUNK) await sleep(50);

  const pid = running.child.pid ?? 0;
  const before = memoryOf(pid);
  await proxy.refuse(true);
  proxy.cut();
  let worst = 0;
  const until = Date.now() + OUTAGE_MS;
  while (Date.now() < until) {
    await sleep(500);
    worst = Math.max(worst, memoryOf(pid));
  }
  expect(running.child.exitCode).toBeNull();
  const said = running.stdout().trimEnd().split("\n").at(-1) ?? "";
  expect(JSON.parse(said).pipelines[0].awayMs).toBeGreaterThan(OUTAGE_MS / 2);
  expect(worst - before).toBeLessThan(64);

  await proxy.refuse(false);
  loading = false;
  await load;
  while ((await streams.count("OUTPUT")) < published) await sleep(50);
  running.child.kill("SIGINT");
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.pipelines[0]?.reconnects).toBeGreaterThan(0);
  const rows = (await streams.rows<{ n: number }>("OUTPUT")).map(({ n }) => n);
  expect([...new Set(rows)].sort((a, b) => a - b)).toEqual(numberedRows(1, published).map(({ n }) => n));
});
