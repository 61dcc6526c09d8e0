import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";

/** Reading a stream from end to end with `openSource`, every batch committed. */
export async function sourceLane(bench: Bench): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { size, count } of bench.sizes) {
    await bench.streams.fillInput(await encodeRows("json", payload(size)), count);
    const main = size === "100B";
    const newer = main && !bench.short;
    outcomes.push(
      await bench.race("source", {
        name: size,
        writes: 0,
        entrants: {
          "json rows": bench.job("ours source", size, "json", count),
          "raw bytes": bench.job("ours source", size, "raw_bytes", count),
          floor: bench.job("floor source", size, "json", count),
          skilled: bench.job("skilled source", size, "json", count / 4),
          ...(newer && { "skilled v3": bench.job("skilled-v3 source", size, "json", count / 4) }),
          ...(main && { naive: bench.job("naive source", size, "json", count / 40) }),
          ...(newer && { "naive v3": bench.job("naive-v3 source", size, "json", count / 40) }),
        },
        ratios: [
          ["raw bytes", "floor"],
          ["json rows", "floor"],
          ["json rows", "skilled"],
          ...(main ? ([["json rows", "naive"]] as const) : []),
          ...(newer
            ? ([
                ["json rows", "skilled v3"],
                ["json rows", "naive v3"],
              ] as const)
            : []),
        ],
      }),
    );
  }
  return outcomes;
}
