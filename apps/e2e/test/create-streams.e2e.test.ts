import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { runCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

test("--create-streams makes what is missing to write into, says so, and touches nothing that is there", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };
  const letters = ", bad_data = 'dead_letter', 'dead_letter.subject' = 'dlq.rows'";
  const file = folder.write("job.sql", pipelineSql({ source: letters }).replace("'out.rows'", "'out.{n}'"));
  const manager = await streams.connection.jetstreamManager();

  const without = await runCli(["run", file, "--json", "--create-streams", "--until-caught-up"], options);
  expect(without.exitCode).toBe(2);
  expect(without.stdout).toContain("STREAM_NOT_FOUND");
  await expect(manager.streams.info("INPUT"), "a source's stream is never made").rejects.toThrow();

  await manager.streams.delete("OUTPUT");
  await streams.add("INPUT", "in.rows");
  await streams.fill("in.rows", [...numberedRows(1, 3), { n: "four" }]);
  const made = await runCli(["run", file, "--json", "--create-streams", "--until-caught-up"], options);
  expect(made.exitCode, made.stderr).toBe(0);
  expect(made.stderr).toContain('created stream "OUTPUT": subjects out.*, file, 1 replica');
  const created = made.stdout.split("\n").filter((line) => line.startsWith('{"event":"created"'));
  expect(created.map((line) => JSON.parse(line).name)).toEqual(["OUTPUT"]);
  expect([await streams.count("OUTPUT"), await streams.count("DLQ_ROWS")]).toEqual([3, 1]);

  // There already, and not as it should be: it stays as it is, and the run says what is wrong.
  await manager.streams.update("OUTPUT", { subjects: ["elsewhere.*"] });
  const wrong = await runCli(["run", file, "--json", "--create-streams", "--until-caught-up"], options);
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stdout).not.toContain('"created"');
  expect((await manager.streams.info("OUTPUT")).config.subjects).toEqual(["elsewhere.*"]);
});
