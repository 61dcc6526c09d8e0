import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";

const SIZE = "100B";
const COUNT = 100_000;

/** What it costs to be watched: the same pipeline with `--http`, its metrics read ten times a second. */
export async function metricsLane(bench: Bench): Promise<Outcome[]> {
  await bench.streams.fillInput(await encodeRows("json", payload(SIZE)), COUNT);
  return [
    await bench.race("metrics", {
      name: `json ${SIZE}`,
      writes: 1,
      entrants: {
        observed: bench.job("ours pipeline", SIZE, "json", COUNT, { observed: true }),
        unobserved: bench.job("ours pipeline", SIZE, "json", COUNT),
      },
      ratios: [["observed", "unobserved"]],
    }),
  ];
}
