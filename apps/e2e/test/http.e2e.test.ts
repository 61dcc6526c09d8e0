import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort, startNatsServer } from "@x/nats-testkit";
import { metrics } from "@x/runtime";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

/** Status and text of an answer; status 0 while nobody listens. */
async function get(port: number, path: string): Promise<{ status: number; text: string; type: string | null }> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text(), type: response.headers.get("content-type") };
  } catch {
    return { status: 0, text: "", type: null };
  }
}

/** `name{pipeline="job"} value` → value by name. */
function samplesIn(text: string): Record<string, number> {
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)\{pipeline="job"\} (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  );
}

test("health, readiness and metrics of a run, through an outage, to its end", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url, { maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill("in.rows", numberedRows(1, 500));
  const port = await findFreePort();
  const sql = folder.write("job.sql", pipelineSql());
  const args = ["run", sql, "--json", "--http", `:${port}`, "--checkpoint-interval", "100ms", "--state", "memory:"];
  const running = startCli(args, { cwd: folder.path, env: { NATS_URL: server.url } });
  const status = async (path: string): Promise<number> => (await get(port, path)).status;
  await expect.poll(() => status("/readyz"), { timeout: 20_000 }).toBe(200);
  await expect
    .poll(async () => samplesIn((await get(port, "/metrics")).text).pipeline_rows_out_total, { timeout: 20_000 })
    .toBe(500);

  await server.stop();
  await expect.poll(() => status("/readyz")).toBe(503);
  expect((await get(port, "/readyz")).text).toBe("job: connection lost\n");
  // It is doing what it should: a restart by whoever asks would not help.
  expect(await status("/healthz")).toBe(200);
  expect(samplesIn((await get(port, "/metrics")).text).pipeline_connections_lost).toBe(1);
  await server.restart();
  await expect.poll(() => status("/readyz"), { timeout: 20_000 }).toBe(200);

  const { text, type } = await get(port, "/metrics");
  expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
  const samples = samplesIn(text);
  const payloads = numberedRows(1, 500).reduce((sum, row) => sum + JSON.stringify(row).length, 0);
  expect(samples).toMatchObject({
    pipeline_rows_in_total: 500,
    pipeline_in_bytes_total: payloads,
    pipeline_out_bytes_total: payloads,
    pipeline_bad_rows_total: 0,
    pipeline_dropped_rows_total: 0,
    pipeline_gaps_total: 0,
    pipeline_reconnects_total: 1,
    pipeline_connections_lost: 0,
    pipeline_in_flight: 0,
    pipeline_up: 1,
  });
  expect(samples.pipeline_rebuilds_total).toBeGreaterThanOrEqual(1);
  expect(samples.pipeline_checkpoints_total).toBeGreaterThan(1);
  expect(samples.pipeline_checkpoint_seconds_total).toBeGreaterThan(0);
  expect(samples.pipeline_checkpoint_age_seconds).toBeGreaterThan(0);
  expect(Object.keys(samples).length).toBe(metrics.length);
  running.child.kill("SIGTERM");
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  expect(await status("/healthz")).toBe(0);
});

test("an address that is taken ends a run before it starts: the instance that serves it goes on", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  const port = await findFreePort();
  const sql = folder.write("job.sql", pipelineSql());
  const start = () =>
    startCli(["run", sql, "--json", "--http", `:${port}`], { cwd: folder.path, env: { NATS_URL: server.url } });
  const first = start();
  await expect.poll(async () => (await get(port, "/readyz")).status, { timeout: 20_000 }).toBe(200);
  const second = await start().finished;
  expect(second.exitCode).toBe(2);
  expect(second.stderr).toContain(`USAGE: --http: cannot listen on 127.0.0.1:${port} (EADDRINUSE)`);
  await streams.fill("in.rows", numberedRows(1, 10));
  while ((await streams.count("OUTPUT")) < 10) await sleep(10);
  first.child.kill("SIGTERM");
  const result = await first.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.pipelines).toMatchObject([{ rowsOut: 10 }]);
}, 60_000);
