import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { planSchedule, runSchedule } from "../src/index.ts";

const kinds = {
  kill: { weight: 3 },
  pause: { args: (random: { integer(a: number, b: number): number }) => ({ forMs: random.integer(10, 20) }) },
  cut: {},
};
const options = { seed: 7, count: 30, durationMs: 3_000, kinds };

describe("planSchedule", () => {
  it("makes the same plan from the same seed, and another from another", () => {
    const { disturbances } = planSchedule(options);
    expect(planSchedule(options).disturbances).toEqual(disturbances);
    expect(planSchedule({ ...options, seed: 8 }).disturbances).not.toEqual(disturbances);
    // Not only in this process: a seed that failed elsewhere is worth something.
    expect(disturbances.slice(0, 3)).toMatchInlineSnapshot(`
      [
        {
          "args": undefined,
          "atMs": 19,
          "kind": "kill",
        },
        {
          "args": undefined,
          "atMs": 163,
          "kind": "kill",
        },
        {
          "args": undefined,
          "atMs": 233,
          "kind": "kill",
        },
      ]
    `);
  });

  it("holds every kind, in order of time, within its time, by weight", () => {
    for (let seed = 0; seed < 200; seed++) {
      const few = planSchedule({ ...options, seed, count: 3 }).disturbances;
      expect(few.map(({ kind }) => kind).sort()).toEqual(["cut", "kill", "pause"]);
    }
    const { disturbances } = planSchedule({ ...options, count: 1_000 });
    const times = disturbances.map(({ atMs }) => atMs);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    expect(times.at(-1)).toBeLessThan(3_000);
    const kills = disturbances.filter(({ kind }) => kind === "kill").length;
    expect(kills).toBeGreaterThan(500);
    expect(kills).toBeLessThan(700);
    expect(() => planSchedule({ ...options, count: 2 })).toThrow(/count is 2 with 3 kinds, expected at least one/);
  });
});

describe("runSchedule", () => {
  it("does one after the other, when due or late, and records it", async () => {
    const schedule = planSchedule({ ...options, count: 6, durationMs: 60 });
    let underWay = 0;
    const action = async (forMs: number): Promise<void> => {
      underWay += 1;
      expect(underWay).toBe(1);
      await sleep(forMs);
      underWay -= 1;
    };
    const record = await runSchedule(schedule, {
      kill: () => action(20),
      pause: ({ forMs }) => action(forMs),
      cut: () => undefined,
    });
    expect(record.done.map(({ atMs, kind, args }) => ({ atMs, kind, args }))).toEqual(schedule.disturbances);
    expect(record.done.every(({ atMs, startedAtMs }) => startedAtMs >= atMs)).toBe(true);
    expect(record.counts.kill + record.counts.pause + record.counts.cut).toBe(6);
    expect(record.skipped).toBe(0);
  });

  it("begins nothing more after an abort or beyond its limit", async () => {
    const schedule = planSchedule({ ...options, count: 10, durationMs: 100_000 });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    const nothing = { kill: () => undefined, pause: () => undefined, cut: () => undefined };
    expect(await runSchedule(schedule, nothing, { signal: stop.signal })).toMatchObject({ skipped: 10 });

    const dense = planSchedule({ ...options, count: 10, durationMs: 10 });
    const slow = { kill: () => sleep(30), pause: () => sleep(30), cut: () => sleep(30) };
    const record = await runSchedule(dense, slow, { limitMs: 50 });
    expect(record.skipped).toBeGreaterThan(0);
    expect(record.done.length + record.skipped).toBe(10);
  });

  it("rejects with the seed and the disturbance when an action does", async () => {
    const schedule = planSchedule({ ...options, count: 3, durationMs: 1 });
    const broken = {
      kill: () => undefined,
      cut: () => undefined,
      pause: () => {
        throw new Error("no such process");
      },
    };
    await expect(runSchedule(schedule, broken)).rejects.toThrow(
      /^seed 7: disturbance \d of 3, pause \{"forMs":\d+\}: Error: no such process$/,
    );
  });
});
