import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { checkOutput } from "../src/check-output.js";
import { readProcessUsage } from "../src/process-usage.js";
import { startCli } from "../src/run-cli.js";
import { lastWritten, sequencePipelineSql } from "../src/sequence-pipeline.js";
import { connectForGood, startSteadyLoad } from "../src/steady-load.js";
import { openWorkFolder } from "../src/work-folder.js";

const MINUTES = Number(process.env.E2E_SOAK_MINUTES ?? 2);
const SAMPLE_MS = 1_000;

interface Sample {
  readonly memoryMiB: number;
  readonly openFiles: number;
  readonly consumers: number;
  readonly stateFiles: number;
  readonly written: number;
}

test(
  `a pipeline under load for ${MINUTES} minutes: memory, files, consumers and checkpoints stay flat`,
  async () => {
    using folder = openWorkFolder();
    await using server = await startNatsServer();
    const connection = await connectForGood([server.url]);
    const manager = await connection.jetstreamManager();
    await manager.streams.add({ name: "INPUT", subjects: ["in.rows"] });
    await manager.streams.add({ name: "OUTPUT", subjects: ["out.rows"] });
    const file = folder.write("job.sql", sequencePipelineSql("at_least_once"));
    const state = join(folder.path, "state");
    const pipeline = startCli(["run", file, "--json", "--state", `file:${state}`, "--checkpoint-interval", "200ms"], {
      env: { NATS_URL: server.url },
      cwd: folder.path,
    });
    const load = startSteadyLoad(connection, "INPUT", "in.rows");
    await expect.poll(() => lastWritten(manager), { timeout: 60_000 }).toBeGreaterThan(0);

    const samples: Sample[] = [];
    const endAt = Date.now() + MINUTES * 60_000;
    while (Date.now() < endAt) {
      expect(pipeline.child.exitCode, pipeline.stderr()).toBeNull();
      samples.push({
        ...readProcessUsage(pipeline.child.pid ?? 0),
        consumers: (await manager.streams.info("INPUT")).state.consumer_count,
        stateFiles: readdirSync(state, { recursive: true }).length,
        written: await lastWritten(manager),
      });
      await sleep(SAMPLE_MS);
    }
    const last = await load.stop();
    await expect.poll(() => lastWritten(manager), { timeout: 60_000 }).toBe(last);
    pipeline.child.kill("SIGTERM");
    const { exitCode, stderr } = await pipeline.finished;
    expect(exitCode, stderr).toBe(0);
    const report = await checkOutput(connection, "OUTPUT", last);
    expect(report.atLeastOnce, report.summary).toBe(true);

    // After a quarter of the time everything has been loaded and compiled.
    const quarter = Math.floor(samples.length / 4);
    const early = samples.slice(quarter, 2 * quarter);
    const late = samples.slice(-quarter);
    const summary = JSON.stringify({ early: early.at(0), late: late.at(-1), samples: samples.length });
    const greatest = (some: readonly Sample[], of: (sample: Sample) => number): number => Math.max(...some.map(of));
    console.log(summary);
    expect(
      greatest(late, (one) => one.memoryMiB),
      summary,
    ).toBeLessThan(1.25 * greatest(early, (one) => one.memoryMiB) + 32);
    expect(
      greatest(late, (one) => one.openFiles),
      summary,
    ).toBeLessThanOrEqual(greatest(early, (one) => one.openFiles) + 4);
    expect(
      greatest(samples, (one) => one.consumers),
      summary,
    ).toBeLessThanOrEqual(2);
    expect(
      greatest(late, (one) => one.stateFiles),
      summary,
    ).toBeLessThanOrEqual(greatest(early, (one) => one.stateFiles) + 4);
    // It went on all the time: every quarter wrote.
    expect((late.at(-1)?.written ?? 0) - (late[0]?.written ?? 0), summary).toBeGreaterThan(0);
    await connection.close();
  },
  (MINUTES + 4) * 60_000,
);
