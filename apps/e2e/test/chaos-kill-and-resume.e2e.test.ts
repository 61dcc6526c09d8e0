import { setTimeout as sleep } from "node:timers/promises";
import { startFaultProxy, startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const TOTAL = 200_000;

test("kill -9 in the middle of 200,000 rows: nothing is lost and the second run starts at the checkpoint", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  await using streams = await openStreams(server.url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill("in.rows", numberedRows(1, TOTAL));
  const file = folder.write("job.sql", pipelineSql());
  const args = ["run", file, "--until-caught-up", "--json", "--checkpoint-interval", "50ms"];
  const options = { env: { NATS_URL: server.url }, cwd: folder.path };

  // By what it publishes, not by what is stored: nobody who looks now and then is sure to look before the end.
  await using proxy = await startFaultProxy({ target: server.url });
  let published = 0;
  const first = startCli(args, { ...options, env: { NATS_URL: proxy.url } });
  using _kill = proxy.intercept("toTarget", ({ subject }) => {
    if (subject === "out.rows" && ++published === TOTAL / 2) first.child.kill("SIGKILL");
    return published > TOTAL / 2 ? "drop" : "pass";
  });
  await first.finished;
  proxy.cut();
  const writtenByFirst = await streams.count("OUTPUT");
  expect(writtenByFirst).toBeLessThan(TOTAL);

  const second = await runCli(args, options);
  expect(second.stderr).toBe("");
  expect(second.exitCode).toBe(0);
  const [summary] = second.pipelines;
  expect(summary?.rowsIn).toBeLessThan(TOTAL);
  expect(summary?.rowsIn).toBeGreaterThanOrEqual(TOTAL - writtenByFirst);

  const output = (await streams.rows<{ n: number }>("OUTPUT")).map((row) => row.n);
  expect(new Set(output).size).toBe(TOTAL);
  // What the second run wrote is one run of the input without a hole, from the checkpoint to the end.
  const secondOutput = output.slice(-(summary?.rowsOut ?? 0));
  expect(secondOutput).toEqual(numberedRows(TOTAL - secondOutput.length + 1, TOTAL).map((row) => row.n));

  const third = await runCli(args, options);
  expect(third.pipelines).toMatchObject([{ exitCode: 0, rowsIn: 0, rowsOut: 0 }]);
  expect(await streams.consumers("INPUT")).toEqual([]);
});

test("kill -9 of the server in the middle: the pipeline waits, resumes and loses nothing", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  {
    await using streams = await openStreams(server.url);
    await streams.add("INPUT", "in.rows");
    await streams.add("OUTPUT", "out.rows");
    await streams.fill("in.rows", numberedRows(1, TOTAL));
  }
  const file = folder.write("job.sql", pipelineSql());
  const running = startCli(["run", file, "--json", "--until-caught-up"], {
    env: { NATS_URL: server.url },
    cwd: folder.path,
  });
  for (let kills = 0; kills < 3; kills++) {
    await sleep(400);
    await server.kill();
    await sleep(200);
    await server.restart();
  }
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  await using streams = await openStreams(server.url);
  const output = new Set((await streams.rows<{ n: number }>("OUTPUT")).map((row) => row.n));
  expect(output.size).toBe(TOTAL);
});
