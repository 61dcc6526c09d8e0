import { startNatsCluster, startNatsServer } from "@x/nats-testkit";
import { describe, expect, test } from "vitest";
import { type ChaosPlace, type ChaosReport, type ChaosSetup, runChaos } from "./exactly-once-chaos.js";
import { pipelineSql } from "./pipeline-sql.js";

/** A place of its own for each run. */
export interface OpenPlace {
  readonly place: ChaosPlace;
  close(): Promise<void>;
}

const read = (_subject: string, payload: Uint8Array): string => Buffer.from(payload).toString();
const plain = { expected: (n: number): readonly string[] => [`{"n":${n}}`], read };

/** Outputs and progress in atomic batches. */
export const atomic: Omit<ChaosSetup, "place"> = {
  ...plain,
  sql: pipelineSql({ sink: ", delivery = 'exactly_once'" }),
  output: { allow_atomic: true, allow_rollup_hdrs: true },
};

/** The same with a filter, and a subject for each row. */
export const filtered: Omit<ChaosSetup, "place"> = {
  sql: pipelineSql({
    select: "SELECT n FROM input WHERE n % 3 <> 0",
    sink: ", delivery = 'exactly_once'",
  }).replace("'out.rows'", "'out.rows.{n}'"),
  output: atomic.output,
  expected: (n) => (n % 3 === 0 ? [] : [`out.rows.${n} {"n":${n}}`]),
  read: (subject, payload) => `${subject} ${Buffer.from(payload).toString()}`,
};

/** A chain of expected sequences. */
export const chain: Omit<ChaosSetup, "place"> = {
  ...plain,
  sql: pipelineSql({ sink: ", delivery = 'exactly_once', 'sink.sole_writer' = 'true'" }),
  output: { allow_rollup_hdrs: true },
};

export async function openServer(bin?: string): Promise<OpenPlace> {
  const server = await startNatsServer(bin === undefined ? {} : { bin });
  return { place: { kind: "server", server }, close: () => server[Symbol.asyncDispose]() };
}

export async function openCluster(bin?: string): Promise<OpenPlace> {
  const cluster = await startNatsCluster(bin === undefined ? {} : { bin });
  return { place: { kind: "cluster", cluster }, close: () => cluster[Symbol.asyncDispose]() };
}

/**
 * Runs a set-up with some seeds: every output once, in order, and each disturbance at least once. `CHAOS_SEEDS=1000`
 * runs a thousand of them, `CHAOS_FIRST=77 CHAOS_SEEDS=1` one again, `CHAOS_LOG=1` says what happened.
 */
export function describeChaos(
  name: string,
  setup: Omit<ChaosSetup, "place">,
  open: () => Promise<OpenPlace>,
  count = 5,
): void {
  const { CHAOS_SEEDS = count, CHAOS_FIRST = 1 } = process.env;
  const seeds = Array.from({ length: Number(CHAOS_SEEDS) }, (_, i) => Number(CHAOS_FIRST) + i);
  describe(`exactly once under chaos: ${name}`, () => {
    test.each(seeds)("seed %i", { timeout: 300_000 }, async (seed) => {
      const { place, close } = await open();
      try {
        judge(seed, await runChaos(seed, { ...setup, place }));
      } finally {
        await close();
      }
    });
  });
}

function judge(seed: number, { outputs, expected, counts, exitCodes, errors }: ChaosReport): void {
  if (process.env.CHAOS_LOG !== undefined) {
    process.stderr.write(`${JSON.stringify({ seed, rows: outputs.length, counts, exitCodes, errors })}\n`);
  }
  const at = expected.findIndex((text, i) => outputs[i] !== text);
  const near = JSON.stringify({ expected: expected.slice(at, at + 3), came: outputs.slice(at, at + 3) });
  expect(at, `seed ${seed}, output ${at}: ${near}\n${errors.join("\n")}`).toBe(-1);
  expect(outputs.length, `seed ${seed}`).toBe(expected.length);
  expect(expected.length, `seed ${seed}`).toBeGreaterThan(0);
  // Stopped in an orderly way, also while it was starting; taken over; or started while the server was away.
  for (const code of exitCodes) expect([0, 5, 7, 130], `seed ${seed}: ${errors.join("\n")}`).toContain(code);
  for (const [kind, times] of Object.entries(counts)) expect(times, `seed ${seed}: ${kind}`).toBeGreaterThan(0);
}
