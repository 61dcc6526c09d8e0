import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";
import { clientCode } from "./client-code.js";

/** Reading a stream from end to end with `openSource`, every batch committed. */
export async function sourceLane(bench: Bench): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { size, count } of bench.sizes) {
    await bench.streams.fillInput(await encodeRows("json", payload(size)), count);
    const others = clientCode(bench, "source", { size, format: "json", count, ours: "json rows" });
    outcomes.push(
      await bench.race("source", {
        name: size,
        writes: 0,
        entrants: {
          "json rows": bench.job("ours source", size, "json", count),
          "raw bytes": bench.job("ours source", size, "raw_bytes", count),
          floor: bench.job("floor source", size, "json", count),
          ...others.entrants,
        },
        ratios: [["raw bytes", "floor"], ["json rows", "floor"], ...others.ratios],
      }),
    );
  }
  return outcomes;
}
