import { setTimeout as sleep } from "node:timers/promises";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { checkOutput } from "../src/check-output.js";
import { startCli } from "../src/run-cli.js";
import { lastWritten, sequencePipelineSql } from "../src/sequence-pipeline.js";
import { mountSmallDisk } from "../src/small-disk.js";
import { connectForGood } from "../src/steady-load.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const ROWS = 100_000;

test("a full disk stops the output, not the pipeline: with more room it goes on and has lost nothing", async () => {
  using folder = openWorkFolder();
  using disk = mountSmallDisk(14);
  await using server = await startNatsServer({
    config: `jetstream { store_dir: "${disk.path}", max_file_store: 1GB }`,
  });
  {
    await using streams = await openStreams(server.url);
    await streams.add("INPUT", "in.rows");
    await streams.add("OUTPUT", "out.rows");
    await streams.fill(
      "in.rows",
      Array.from({ length: ROWS }, (_, i) => ({ n: i, filling: "x".repeat(60) })),
    );
  }
  const file = folder.write("job.sql", sequencePipelineSql("at_least_once"));
  const pipeline = startCli(["run", file, "--json"], { env: { NATS_URL: server.url }, cwd: folder.path });
  await expect.poll(() => /no space left/i.test(server.log()), { timeout: 60_000 }).toBe(true);
  await sleep(2_000);
  expect(pipeline.child.exitCode, pipeline.stderr()).toBeNull();

  disk.enlarge(256);
  await server.restart();
  const connection = await connectForGood([server.url]);
  const manager = await connection.jetstreamManager();
  await expect.poll(() => lastWritten(manager), { timeout: 60_000, interval: 200 }).toBe(ROWS);
  pipeline.child.kill("SIGTERM");
  const { exitCode, stderr } = await pipeline.finished;
  expect(exitCode, stderr).toBe(0);
  const report = await checkOutput(connection, "OUTPUT", ROWS);
  expect(report.atLeastOnce, report.summary).toBe(true);
  await connection.close();
}, 180_000);
