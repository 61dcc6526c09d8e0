import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";

const SIZE = "100B";

/** The late flights: a WHERE that DuckDB evaluates, against the same filter in plain code and against no filter at all. */
export async function whereLane(bench: Bench): Promise<Outcome[]> {
  const { rows } = payload(SIZE);
  const count = bench.short ? 100_000 : 200_000;
  await bench.streams.fillInput(await encodeRows("json", payload(SIZE)), count);
  const late = rows.filter((row) => (row.delay as number) > 60).length / rows.length;
  const where = "delay > 60";
  const outcomes = [
    await bench.race("where", {
      name: "late flights",
      writes: late,
      entrants: {
        duckdb: bench.job("ours pipeline", SIZE, "json", count, { where }),
        "plain code": bench.job("ours by hand", SIZE, "json", count),
      },
      ratios: [["duckdb", "plain code"]],
    }),
  ];
  if (bench.short) return outcomes;
  outcomes.push(
    await bench.race("where", {
      name: "all flights",
      writes: 1,
      entrants: {
        duckdb: bench.job("ours pipeline", SIZE, "json", count, { where: "delay > -1000" }),
        "no where": bench.job("ours pipeline", SIZE, "json", count),
      },
      ratios: [["duckdb", "no where"]],
    }),
  );
  return outcomes;
}
