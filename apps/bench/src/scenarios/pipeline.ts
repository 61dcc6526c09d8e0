import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";
import { clientCode } from "./client-code.js";

/** Counted turns of the formats that no goal is set for. */
const OTHER_FORMATS = 5;

/** From stream to stream with `nats-pipeline run`: decoded, checked, encoded, acknowledged, checkpointed. */
export async function pipelineLane(bench: Bench): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const format of bench.short ? ["json"] : ["json", "avro", "protobuf"]) {
    for (const { size, count } of bench.sizes) {
      await bench.streams.fillInput(await encodeRows(format, payload(size)), count);
      const others = clientCode(bench, "pipeline", { size, format, count, ours: "at least once" });
      outcomes.push(
        await bench.race("pipeline", {
          name: `${format} ${size}`,
          writes: 1,
          ...(format !== "json" && { turns: OTHER_FORMATS }),
          entrants: {
            "at least once": bench.job("ours pipeline", size, format, count),
            "exactly once": bench.job("ours pipeline", size, format, count, { delivery: "exactly_once" }),
            floor: bench.job("floor pipeline", size, format, count),
            ...others.entrants,
          },
          ratios: [
            ["at least once", "floor"],
            ["exactly once", "at least once"],
            ["exactly once", "skilled"],
            ...others.ratios,
          ],
        }),
      );
    }
  }
  return outcomes;
}
