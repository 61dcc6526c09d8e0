import { describe, expect, test } from "vitest";
import type { ChaosPlace } from "./chaos-place.js";
import { type ChaosReport, type ChaosSetup, runChaos } from "./exactly-once-chaos.js";

/**
 * Runs a set-up with some seeds: every output once, in order, each disturbance at least once, and whoever was replaced
 * fenced. `CHAOS_SEEDS=1000` runs a thousand of them, `CHAOS_FIRST=77 CHAOS_SEEDS=1` one again, `CHAOS_LOG=1` says what
 * happened.
 */
export function describeChaos(name: string, setup: ChaosSetup, open: () => Promise<ChaosPlace>, count = 5): void {
  const { CHAOS_SEEDS = count, CHAOS_FIRST = 1 } = process.env;
  const seeds = Array.from({ length: Number(CHAOS_SEEDS) }, (_, i) => Number(CHAOS_FIRST) + i);
  describe(`exactly once under chaos: ${name}`, () => {
    // What is promised to hold always has no second try.
    test.each(seeds)("seed %i", { timeout: 300_000, retry: 0 }, async (seed) => {
      await using place = await open();
      judge(seed, await runChaos(seed, setup, place));
    });
  });
}

function judge(seed: number, report: ChaosReport): void {
  const { outputs, expected, counts, fenced, otherExitCodes, lastExitCode, errors, violations, tookMs } = report;
  const why = `seed ${seed}\n${errors.join("\n")}`;
  if (process.env.CHAOS_LOG !== undefined) {
    const { length: rows } = outputs;
    const line = { seed, rows, counts, fenced, otherExitCodes, lastExitCode, violations, tookMs, errors };
    process.stderr.write(`${JSON.stringify(line)}\n`);
  }
  const at = expected.findIndex((text, i) => outputs[i] !== text);
  const near = JSON.stringify({ expected: expected.slice(at, at + 3), came: outputs.slice(at, at + 3) });
  expect(at, `output ${at}: ${near}, ${why}`).toBe(-1);
  expect(outputs.length, why).toBe(expected.length);
  expect(expected.length, why).toBeGreaterThan(0);
  for (const [kind, times] of Object.entries(counts)) expect(times, `${kind}, ${why}`).toBeGreaterThan(0);
  // A frozen instance is replaced, too.
  expect(fenced, why).toBe((counts.rival ?? 0) + (counts.freezeWorker ?? 0));
  // Taken over by one that was replaced while it started, or started while the server was away.
  for (const code of otherExitCodes) expect([5, 7], why).toContain(code);
  expect(violations, why).toEqual([]);
  expect(lastExitCode, why).toBe(0);
}
