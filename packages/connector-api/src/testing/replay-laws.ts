import { expect } from "vitest";
import { isConnectorError } from "../errors.js";
import type { MovedSplit, ReplayRange } from "../pipeline-plan.js";
import { within } from "./eventually.js";
import type { HostedSource } from "./operator-host.js";
import { checkRefusesStopped } from "./plan-laws.js";
import type { SinkBench, SinkLaw } from "./sink-laws.js";
import type { SourceBench, SourceLaw } from "./source-laws.js";
import { type SuiteRow, suiteRows } from "./suite-rows.js";

interface Replayed {
  readonly rows: readonly SuiteRow[];
  /** The number of the input of each row. */
  readonly numbers: readonly number[];
}

async function replayOf({ startReplay }: SourceBench | SinkBench, range: ReplayRange = {}): Promise<Replayed> {
  const source: HostedSource = await startReplay(range);
  expect(await within("replaying", source.finished)).toBe("final");
  const numbers = source.batches.flatMap(({ positions }) => positions.map(Number));
  expect(numbers, "numbers of inputs, growing").toEqual([...new Set(numbers)].sort((a, b) => a - b));
  return { rows: source.rows(), numbers };
}

/** The rows, or undefined where nothing keeps them. */
async function replayIfKept(bench: SourceBench | SinkBench): Promise<readonly SuiteRow[] | undefined> {
  try {
    return (await replayOf(bench)).rows;
  } catch (error) {
    expect(isConnectorError(error) && error.code, String(error)).toBe("STREAM_NOT_FOUND");
    return undefined;
  }
}

async function caughtUp(bench: SourceBench, start: Parameters<SourceBench["start"]>[0] = {}): Promise<HostedSource> {
  const source = await bench.start({ ...start, untilCaughtUp: true });
  await within("catching up", source.finished);
  return source;
}

/** The laws of `makeReplay`, `readThrough` and `moveSplit`. */
export const replayLaws: readonly SourceLaw[] = [
  {
    name: "replays what the input holds, whole or in part, and leaves no trace",
    appliesTo: { makeReplay: true, replays: true },
    async check(bench) {
      const { environment, capabilities } = bench;
      await environment.append(suiteRows(1, 20));
      const { rows, numbers } = await replayOf(bench);
      expect(rows).toEqual(suiteRows(1, 20));
      const [third = 0, fifth = 0] = [numbers[2], numbers[4]];
      expect((await replayOf(bench, { from: { sequence: third }, to: fifth })).rows).toEqual(suiteRows(3, 5));
      expect((await replayOf(bench, { from: { last: 2 } })).rows).toEqual(suiteRows(19, 20));
      if (capabilities.acks) expect(await environment.acked?.(), "acknowledged by a replay").toBe(0);
      expect((await caughtUp(bench)).rows(), "what a source finds after it").toEqual(suiteRows(1, 20));
    },
  },
  {
    name: "has nothing to replay where nothing is kept",
    appliesTo: { makeReplay: true, replays: false },
    async check(bench) {
      expect(await replayIfKept(bench)).toBeUndefined();
    },
  },
  {
    name: "its state says how far it has read, in the numbers of a replay",
    appliesTo: { makeReplay: true, readThrough: true, replays: true },
    async check(bench) {
      const { environment, tools } = bench;
      await environment.append(suiteRows(1, 30));
      const { numbers } = await replayOf(bench);
      const source = await caughtUp(bench);
      const through = [...source.snapshot(1).values()].map((state) => tools().readThrough(state));
      expect(Math.max(...through)).toBe(numbers.at(-1));
    },
  },
  {
    name: "its state can be moved back, unless what was read is gone from the input",
    appliesTo: { moveSplit: true, makeReplay: true, replays: true },
    async check(bench) {
      const { environment, capabilities, tools } = bench;
      await environment.append(suiteRows(1, 30));
      const { numbers } = await replayOf(bench);
      const source = await caughtUp(bench);
      const [[split, state] = []] = source.snapshot(1);
      if (split === undefined || state === undefined) throw new Error("the snapshot has no split");
      const place = { sequence: numbers[10] ?? 0 };
      const moved = await moveOrNot(() => tools().moveSplit(state, place));
      if (moved === undefined) {
        expect(capabilities.acks, "only what is acknowledged may be gone").toBe(true);
        return;
      }
      expect(moved).toMatchObject({ skips: 0, summary: expect.stringMatching(/\S/) });
      const again = await caughtUp(bench, { restored: new Map([[split, moved.state]]) });
      expect(again.rows()).toEqual(suiteRows(11, 30));
      const ahead = await tools().moveSplit(moved.state, { sequence: numbers[20] ?? 0 });
      expect(ahead.skips, "inputs passed over").toBe(10);
      const beyond = { sequence: (numbers.at(-1) ?? 0) + 1000 };
      expect(await moveOrNot(() => tools().moveSplit(state, beyond)), "behind the end").toBeUndefined();
      await checkRefusesStopped("moveSplit", tools().moveSplit(state, place, AbortSignal.abort()));
    },
  },
];

/** Undefined where the connector says that nothing can be read from there. */
async function moveOrNot(move: () => Promise<MovedSplit>): Promise<MovedSplit | undefined> {
  try {
    return await move();
  } catch (error) {
    expect(isConnectorError(error) && error.exitCode, String(error)).toBe(2);
    return undefined;
  }
}

/** The law of `makeReplay` about what a sink has written. */
export const outputReplayLaws: readonly SinkLaw[] = [
  {
    name: "replays what it has written, where that is kept",
    appliesTo: { makeReplay: true },
    async check(bench) {
      await bench.write(suiteRows(1, 20));
      const rows = await replayIfKept(bench);
      if (rows !== undefined) expect(rows).toEqual(suiteRows(1, 20));
      expect(await bench.environment.read()).toEqual(suiteRows(1, 20));
    },
  },
];
