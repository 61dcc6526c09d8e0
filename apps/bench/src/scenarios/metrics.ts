import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";

const SIZE = "100B";
const COUNT = 50_000;

/**
 * What it costs to be watched: the same pipeline with `--http`, its metrics read ten times a second by another process.
 * The difference is smaller than what the machine does to one turn, so there are many short ones.
 */
export async function metricsLane(bench: Bench): Promise<Outcome[]> {
  await bench.streams.fillInput(await encodeRows("json", payload(SIZE)), COUNT);
  return [
    await bench.race("metrics", {
      name: `json ${SIZE}`,
      writes: 1,
      turns: bench.short ? 15 : 45,
      entrants: {
        observed: bench.job("ours pipeline", SIZE, "json", COUNT, { observed: true }),
        unobserved: bench.job("ours pipeline", SIZE, "json", COUNT),
      },
      ratios: [["observed", "unobserved"]],
    }),
  ];
}
