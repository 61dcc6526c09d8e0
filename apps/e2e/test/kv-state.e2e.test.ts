import { setTimeout as sleep } from "node:timers/promises";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const TOTAL = 40_000;
const numbers = (rows: readonly { n: number }[]): number[] => rows.map((row) => row.n);

test("a pipeline that is killed goes on elsewhere: its position is in the bucket, and the newest instance wins", async () => {
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill("in.rows", numberedRows(1, TOTAL));
  using here = openWorkFolder();
  using there = openWorkFolder();
  const env = { NATS_URL: server.url };
  const args = (file: string): string[] => [
    ...["run", file, "--state", "nats-kv:STATE", "--json", "--checkpoint-interval", "20ms"],
  ];
  const fileHere = here.write("job.sql", pipelineSql());
  const fileThere = there.write("job.sql", pipelineSql());

  const absent = await runCli(args(fileHere), { env, cwd: here.path });
  expect(absent).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("nats kv add STATE") });
  expect(await streams.consumers("INPUT")).toEqual([]);

  const manager = await streams.connection.jetstreamManager();
  await manager.streams.add({ name: "KV_STATE", subjects: ["$KV.STATE.>"], max_msgs_per_subject: 1 });
  const first = startCli(args(fileHere), { env, cwd: here.path });
  while ((await streams.count("OUTPUT")) === 0) await sleep(5);
  first.child.kill("SIGKILL");
  await first.finished;

  const older = startCli(args(fileThere), { env, cwd: there.path });
  while (new Set(numbers(await streams.rows("OUTPUT"))).size < TOTAL) await sleep(50);
  const newer = startCli(args(fileHere), { env, cwd: here.path });
  const fenced = await older.finished;
  expect(fenced.exitCode, fenced.stderr).toBe(5);
  await streams.fill("in.rows", numberedRows(TOTAL + 1, TOTAL + 10));
  while (new Set(numbers(await streams.rows("OUTPUT"))).size < TOTAL + 10) await sleep(50);
  newer.child.kill("SIGINT");
  expect((await newer.finished).exitCode).toBe(0);
  expect(
    (
      await streams.connection
        .jetstream()
        .views.kv("STATE")
        .then((kv) => kv.get("job.claim"))
    )?.json(),
  ).toMatchObject({ v: 1, pipeline: "job", epoch: 3 });
});
