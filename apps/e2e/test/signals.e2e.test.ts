import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { runCli, startCli } from "../src/run-cli.js";
import { stopTwice } from "../src/stop-twice.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

test("the first signal drains: last rows out, final checkpoint, exit code 0", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill("in.rows", numberedRows(1, 100));
  const file = folder.write("job.sql", pipelineSql());
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const running = startCli(["run", file, "--json", "--checkpoint-interval", "1h"], options);
  while ((await streams.count("OUTPUT")) < 100) await sleep(10);
  running.child.kill("SIGINT");
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.pipelines).toMatchObject([{ exitCode: 0, rowsIn: 100, rowsOut: 100, checkpoints: 2 }]);

  await streams.fill("in.rows", numberedRows(101, 110));
  const next = await runCli(["run", file, "--json", "--until-caught-up"], options);
  expect(next.pipelines).toMatchObject([{ rowsIn: 10, rowsOut: 10 }]);
});

test("a signal while nothing has been read yet ends at once with exit code 0", async () => {
  using folder = openWorkFolder();
  const file = folder.write(
    "job.sql",
    pipelineSql({ source: ", connect_timeout = '10m'", sink: ", connect_timeout = '10m'" }),
  );
  const [nobody, http] = [await findFreePort(), await findFreePort()];
  const running = startCli(["run", file, "--json", "--http", `:${http}`, "--drain-timeout", "10m"], {
    env: { NATS_URL: `127.0.0.1:${nobody}` },
    cwd: folder.path,
  });
  const health = (): Promise<number> =>
    fetch(`http://127.0.0.1:${http}/healthz`).then(
      ({ status }) => status,
      () => 0,
    );
  await expect.poll(health, { timeout: 20_000 }).toBe(200);
  running.child.kill("SIGINT");
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  expect(result.pipelines).toMatchObject([{ exitCode: 0, rowsIn: 0, checkpoints: 0 }]);
});

test("the second signal stops at once with exit code 130", async () => {
  using folder = openWorkFolder();
  const result = await stopTwice(folder, "SIGTERM");
  expect(result.exitCode, result.stderr).toBe(130);
  expect(result.pipelines).toMatchObject([{ exitCode: 130, rowsIn: 20, rowsOut: 10 }]);
});

test("a pipeline that fails says so at once, while the others go on; the signal then ends the process", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  const other = "CREATE TABLE lost (n BIGINT) WITH (connector = 'nats', servers = '{{ NATS_URL }}', type = 'sink',";
  const file = folder.write(
    "job.sql",
    `${pipelineSql()}\n${other} stream = 'NOPE', subject = 'nope.rows', format = 'json');\nINSERT INTO lost SELECT n FROM input;`,
  );
  const running = startCli(["run", file, "--json", "--drain-timeout", "10m"], {
    env: { NATS_URL: server.url },
    cwd: folder.path,
  });
  const printed: string[] = [];
  running.child.stdout?.on("data", (chunk: Buffer) => printed.push(String(chunk)));
  while (!printed.join("").includes('"code":"STREAM_NOT_FOUND"')) await sleep(10);
  await streams.fill("in.rows", numberedRows(1, 10));
  while ((await streams.count("OUTPUT")) < 10) await sleep(10);
  running.child.kill("SIGTERM");
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(2);
  expect(result.pipelines.map(({ exitCode }) => exitCode).sort()).toEqual([0, 2]);
});
