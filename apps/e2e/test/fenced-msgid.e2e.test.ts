import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const KILLS = 2;
/** New rows before each start, so that each has outputs to write. */
const ROWS = 20_000;

test("exactly once by ids: a process killed between publish and checkpoint, beside another writer, writes each output once", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.>", { allow_rollup_hdrs: true });
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const file = folder.write(
    "job.sql",
    pipelineSql({ sink: ", delivery = 'exactly_once', 'sink.sole_writer' = false" }),
  );

  const explained = await runCli(["explain", file, "--json"], options);
  expect(JSON.parse(explained.stdout).pipelines[0]).toMatchObject({
    guarantee: "exactly once",
    sink: { publish: { mode: expect.stringContaining("fenced-msgid"), progress: { "0": "out.__progress.job.0" } } },
  });

  const manager = await streams.connection.jetstreamManager();
  const lastSequence = async (): Promise<number> => (await manager.streams.info("OUTPUT")).state.last_seq;
  for (let kill = 0; kill < KILLS; kill++) {
    await streams.fill("in.rows", numberedRows(kill * ROWS + 1, (kill + 1) * ROWS));
    const before = await lastSequence();
    const running = startCli(["run", file, "--json", "--checkpoint-interval", "200ms"], options);
    // As soon as outputs come, so that most of them lie beyond the last progress.
    while ((await lastSequence()) < before + 500) {
      expect(running.child.exitCode).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    running.child.kill("SIGKILL");
    await running.finished;
    expect(running.child.signalCode).toBe("SIGKILL");
    await streams.fill("out.other", [{ foreign: kill }]);
  }
  const last = await runCli(["run", file, "--json", "--until-caught-up"], options);
  expect(last.exitCode, last.stderr).toBe(0);
  expect(last.stderr).toContain("fenced-msgid");

  const found = (await streams.rows<{ n?: number }>("OUTPUT")).flatMap(({ n }) => n ?? []);
  expect(found.toSorted((a, b) => a - b)).toEqual(numberedRows(1, KILLS * ROWS).map(({ n }) => n));
}, 180_000);
