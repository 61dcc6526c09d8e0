import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { checkOutput } from "../src/check-output.js";
import { openPlayground } from "../src/playground/open-playground.js";
import { lastWritten, sequencePipelineSql } from "../src/sequence-pipeline.js";
import { addReplicated, connectForGood, startSteadyLoad } from "../src/steady-load.js";

test("a rolling upgrade from 2.10 to the newest under load loses nothing", async () => {
  await using playground = await openPlayground({ series: "2.10" });
  const { nodes } = playground;
  const connection = await connectForGood(nodes.map(({ url }) => url));
  await addReplicated(connection, { name: "INPUT", subjects: ["in.rows"] });
  await addReplicated(connection, { name: "OUTPUT", subjects: ["out.rows"] });
  const manager = await connection.jetstreamManager();
  const load = startSteadyLoad(connection, "INPUT", "in.rows");
  const pipeline = await playground.startPipeline(sequencePipelineSql("at_least_once"), [
    "--json",
    "--name",
    "upgraded",
  ]);

  for (const node of nodes) {
    expect(await node.version()).toMatch(/^2\.10\./);
    await node.restart("newest");
    await playground.whenCurrent();
    await sleep(500);
  }
  expect(new Set(await Promise.all(nodes.map((node) => node.version()))).size).toBe(1);
  expect(await nodes[0]?.version()).not.toMatch(/^2\.10\./);

  const last = await load.stop();
  await expect.poll(() => lastWritten(manager), { timeout: 90_000, interval: 200 }).toBeGreaterThanOrEqual(last);
  await pipeline.stop();
  const { exitCode, stderr } = await pipeline.finished;
  expect(exitCode, stderr).toBe(0);
  const report = await checkOutput(connection, "OUTPUT", last);
  expect(report.atLeastOnce, report.summary).toBe(true);
  await connection.close();
}, 300_000);
