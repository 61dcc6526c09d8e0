import { statfsSync } from "node:fs";
import { expect, test } from "vitest";
import { checkOutput } from "../src/check-output.js";
import { openPlayground } from "../src/playground/open-playground.js";
import type { PlaygroundNode } from "../src/playground/playground.js";
import { lastWritten, sequencePipelineSql } from "../src/sequence-pipeline.js";
import { mountSmallDisk } from "../src/small-disk.js";
import { addReplicated, connectForGood, startSteadyLoad } from "../src/steady-load.js";

const MEBIBYTES = 48;
const FILLING = Buffer.alloc(256 * 1024);

test("of three nodes the one that leads has a full disk and is ended: the others go on, with more room it catches up, every row is there once", async () => {
  using disk = mountSmallDisk(MEBIBYTES);
  await using playground = await openPlayground({ firstStore: disk.path });
  const { nodes } = playground;
  const [small, second] = nodes as [PlaygroundNode, PlaygroundNode];
  const connection = await connectForGood(nodes.map(({ url }) => url));
  await addReplicated(connection, { name: "INPUT", subjects: ["in.rows"] });
  await addReplicated(connection, {
    ...{ name: "OUTPUT", subjects: ["out.>"] },
    ...{ allow_atomic: true, allow_rollup_hdrs: true },
  });
  await addReplicated(connection, { name: "FILLING", subjects: ["filling"] });
  const manager = await connection.jetstreamManager();
  const load = startSteadyLoad(connection, "INPUT", "in.rows");
  const pipeline = await playground.startPipeline(sequencePipelineSql("exactly_once"), ["--json", "--name", "full"]);
  const ended = pipeline.finished.then(({ exitCode, stderr }) => {
    throw new Error(`the pipeline ended by itself, with ${exitCode}: ${stderr}`);
  });
  const reaches = (seq: number): Promise<unknown> =>
    Promise.race([
      ended,
      expect.poll(() => lastWritten(manager), { timeout: 90_000, interval: 200 }).toBeGreaterThanOrEqual(seq),
    ]);
  await reaches(1);
  const isFull = (): boolean => {
    const { bavail, blocks } = statfsSync(disk.path);
    return bavail < blocks / 10;
  };
  const leads = async (stream: string): Promise<boolean> => (await playground.leaderOf(stream)).name === small.name;
  const publisher = connection.jetstream({ timeout: 3_000 });
  for (const stream of ["INPUT", "OUTPUT"]) while (!(await leads(stream))) await playground.stepDown(stream);
  let wasFull = false;
  const fill = async () => {
    await publisher.publish("filling", FILLING).catch(() => undefined);
    wasFull ||= isFull();
    return { wasFull, isHealthy: await small.isHealthy() };
  };
  await expect.poll(fill, { timeout: 120_000, interval: 1 }).toEqual({ wasFull: true, isHealthy: false });
  // Who looks after it ends it when its health check says no. By itself a server (2.15.1) may go on to lead a stream that
  // it no longer writes: where progress is rolled up on a full disk it can come to wait for a lock that it holds itself.
  await small.kill();
  await reaches((await lastWritten(manager)) + 1_000);

  disk.enlarge(16 * MEBIBYTES);
  await small.restart();
  await playground.whenCurrent(120_000);
  // From here on nothing goes without it.
  await second.kill();
  await reaches((await lastWritten(manager)) + 1_000);
  await second.restart();
  await playground.whenCurrent();

  const last = await load.stop();
  await reaches(last);
  ended.catch(() => undefined);
  await pipeline.stop();
  const { exitCode, stderr } = await pipeline.finished;
  expect(exitCode, stderr).toBe(0);
  const report = await checkOutput(connection, "OUTPUT", last);
  expect(report.exact, report.summary).toBe(true);
  await connection.close();
}, 400_000);
