import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { type CliResult, runCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

test("exactly once: check says what it needs, --create-streams makes it, rewind is refused and fork goes on elsewhere", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  const cli = (...args: string[]): Promise<CliResult> =>
    runCli(args, { env: { NATS_URL: server.url }, cwd: folder.path });
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill("in.rows", numberedRows(1, 10));
  const file = folder.write("job.sql", pipelineSql({ sink: ", delivery = 'exactly_once', lineage = true" }));

  const plain = await cli("check", file);
  expect([plain.exitCode, plain.stdout]).toEqual([2, expect.stringContaining("[exactly-once-impossible]")]);
  expect(plain.stdout).toContain("set allow_atomic on the stream");
  expect((await cli("run", file, "--until-caught-up")).exitCode).toBe(2);

  await (await streams.connection.jetstreamManager()).streams.delete("OUTPUT");
  const made = await cli("run", file, "--json", "--create-streams", "--until-caught-up");
  expect(made.exitCode, made.stderr).toBe(0);
  expect(made.pipelines).toMatchObject([{ rowsIn: 10, rowsOut: 10 }]);
  const sound = await cli("check", file);
  expect([sound.exitCode, sound.stdout]).toEqual([0, expect.stringContaining("exactly once, in order")]);

  const refused = await cli("checkpoint", "rewind", file, "--to-seq", "1");
  expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('use "checkpoint fork"')]);
  const forked = await cli("checkpoint", "fork", file, "again", "--to-seq", "8");
  expect(forked.exitCode, forked.stderr).toBe(0);
  const again = await cli("run", file, "--json", "--name", "again", "--until-caught-up");
  expect(again.exitCode, again.stderr).toBe(0);
  expect(again.pipelines).toMatchObject([{ rowsIn: 3, rowsOut: 3 }]);
  const next = await cli("run", file, "--json", "--name", "again", "--until-caught-up");
  expect([next.exitCode, next.pipelines[0]?.rowsIn], next.stderr).toEqual([0, 0]);

  const verified = await cli("verify", file, "--json");
  expect(JSON.parse(verified.stdout)).toMatchObject({ holds: true, expected: 10, found: 10, duplicated: 0 });
});
