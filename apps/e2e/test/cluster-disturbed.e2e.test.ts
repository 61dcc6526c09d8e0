import { setTimeout as sleep } from "node:timers/promises";
import { createRandom, planSchedule, runSchedule } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { checkOutput } from "../src/check-output.js";
import { openPlayground } from "../src/playground/open-playground.js";
import type { PlaygroundNode } from "../src/playground/playground.js";
import { lastWritten, sequencePipelineSql } from "../src/sequence-pipeline.js";
import { addReplicated, connectForGood, startSteadyLoad } from "../src/steady-load.js";

const SEED = Number(process.env.E2E_SEED ?? 1);
/** Elections take four to nine seconds: long enough for one, too short for one, and in between. */
const someTime = (random: { integer(lowest: number, highest: number): number }) => ({
  forMs: random.integer(500, 7_000),
});

test.each([
  ["at_least_once", "nothing is lost", {}],
  ["exactly_once", "every row is there once", { allow_atomic: true, allow_rollup_hdrs: true }],
] as const)(
  "%s: nodes are killed, paused, restarted and cut off, leaders step down, the pipeline is cut off: %s",
  async (delivery, _, settings) => {
    await using playground = await openPlayground();
    const { nodes } = playground;
    const connection = await connectForGood(nodes.map(({ url }) => url));
    await addReplicated(connection, { name: "INPUT", subjects: ["in.rows"] });
    await addReplicated(connection, { ...settings, name: "OUTPUT", subjects: ["out.>"] });
    const manager = await connection.jetstreamManager();
    const load = startSteadyLoad(connection, "INPUT", "in.rows");
    const pipeline = await playground.startPipeline(sequencePipelineSql(delivery), ["--json", "--name", "disturbed"]);
    const ended = pipeline.finished.then(({ exitCode, stderr }) => {
      throw new Error(`the pipeline ended by itself, with ${exitCode}: ${stderr}`);
    });
    const reaches = (seq: number): Promise<unknown> =>
      Promise.race([
        ended,
        expect.poll(() => lastWritten(manager), { timeout: 90_000, interval: 200 }).toBeGreaterThanOrEqual(seq),
      ]);
    await reaches(1);

    const random = createRandom(SEED);
    const cutOff = async (node: PlaygroundNode, forMs: number): Promise<void> => {
      await node.isolate();
      await sleep(forMs);
      await node.rejoin();
      await playground.whenCurrent();
    };
    const schedule = planSchedule({
      seed: SEED,
      count: 8,
      durationMs: 8_000,
      kinds: {
        killLeader: { args: someTime },
        pauseNode: { args: someTime },
        restartNode: {},
        isolateNode: { args: someTime },
        isolateClientsNode: { args: someTime },
        isolatePipeline: { args: someTime },
        stepDownInput: {},
        stepDownOutput: {},
      },
    });
    const record = await runSchedule(
      schedule,
      {
        async killLeader({ forMs }) {
          const node = await playground.leaderOf(random.pick(["INPUT", "OUTPUT"]));
          await node.kill();
          await sleep(forMs);
          await node.restart();
          await playground.whenCurrent();
        },
        async pauseNode({ forMs }) {
          const node = random.pick(nodes);
          await node.pause();
          await sleep(forMs);
          await node.resume();
          await playground.whenCurrent();
        },
        async restartNode() {
          await random.pick(nodes).restart();
          await playground.whenCurrent();
        },
        isolateNode: ({ forMs }) => cutOff(random.pick(nodes), forMs),
        async isolateClientsNode({ forMs }) {
          await cutOff((await playground.nodeOfClient("disturbed")) ?? random.pick(nodes), forMs);
        },
        async isolatePipeline({ forMs }) {
          await pipeline.isolate();
          await sleep(forMs);
          await pipeline.rejoin();
        },
        stepDownInput: () => playground.stepDown("INPUT"),
        stepDownOutput: () => playground.stepDown("OUTPUT"),
      },
      { limitMs: 150_000 },
    );
    expect(Object.values(record.counts), JSON.stringify(record)).toEqual(Array(8).fill(1));

    const last = await load.stop();
    await reaches(last);
    ended.catch(() => undefined);
    await pipeline.stop();
    const { exitCode, stderr } = await pipeline.finished;
    expect(exitCode, stderr).toBe(0);
    const report = await checkOutput(connection, "OUTPUT", last);
    expect(
      delivery === "exactly_once" ? report.exact : report.atLeastOnce,
      `seed ${SEED}: ${report.summary}\n${JSON.stringify(record.done)}`,
    ).toBe(true);
    await connection.close();
  },
  400_000,
);
