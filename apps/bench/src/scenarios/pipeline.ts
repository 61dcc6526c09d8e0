import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";

/** From stream to stream with `nats-pipeline run`: decoded, checked, encoded, acknowledged, checkpointed. */
export async function pipelineLane(bench: Bench): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { size, count } of bench.sizes) {
    await bench.streams.fillInput(await encodeRows("json", payload(size)), count);
    const main = size === "100B";
    const newer = main && !bench.short;
    outcomes.push(
      await bench.race("pipeline", {
        name: `json ${size}`,
        writes: 1,
        entrants: {
          "at least once": bench.job("ours pipeline", size, "json", count),
          "exactly once": bench.job("ours pipeline", size, "json", count, { delivery: "exactly_once" }),
          floor: bench.job("floor pipeline", size, "json", count),
          skilled: bench.job("skilled pipeline", size, "json", count / 5),
          ...(newer && { "skilled v3": bench.job("skilled-v3 pipeline", size, "json", count / 5) }),
          ...(main && { naive: bench.job("naive pipeline", size, "json", count / 20) }),
          ...(newer && { "naive v3": bench.job("naive-v3 pipeline", size, "json", count / 20) }),
        },
        ratios: [
          ["at least once", "floor"],
          ["at least once", "skilled"],
          ["exactly once", "at least once"],
          ["exactly once", "skilled"],
          ...(main ? ([["at least once", "naive"]] as const) : []),
          ...(newer
            ? ([
                ["at least once", "skilled v3"],
                ["at least once", "naive v3"],
              ] as const)
            : []),
        ],
      }),
    );
  }
  if (bench.short) return outcomes;
  for (const format of ["avro", "protobuf"]) {
    const [{ size, count } = { size: "", count: 0 }] = bench.sizes;
    await bench.streams.fillInput(await encodeRows(format, payload(size)), count);
    outcomes.push(
      await bench.race("pipeline", {
        name: `${format} ${size}`,
        writes: 1,
        entrants: {
          "at least once": bench.job("ours pipeline", size, format, count),
          "exactly once": bench.job("ours pipeline", size, format, count, { delivery: "exactly_once" }),
          floor: bench.job("floor pipeline", size, format, count),
        },
        ratios: [
          ["at least once", "floor"],
          ["exactly once", "at least once"],
        ],
      }),
    );
  }
  return outcomes;
}
