import { whyNoLibnats } from "../baselines/libnats.js";
import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";

/** Writing rows into a stream with `openSink`, until the last one is acknowledged. */
export async function sinkLane(bench: Bench): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const missing = bench.short ? "the short run leaves it out" : whyNoLibnats();
  if (missing !== undefined) console.error(`sink: SKIPPED the C client: ${missing}`);
  for (const { size, count } of bench.sizes) {
    const main = size === "100B";
    const native = missing === undefined;
    const newer = main && !bench.short;
    outcomes.push(
      await bench.race("sink", {
        name: size,
        writes: 1,
        entrants: {
          "json rows": bench.job("ours sink", size, "json", count),
          floor: bench.job("floor sink", size, "json", count),
          skilled: bench.job("skilled sink", size, "json", count / 4),
          ...(native && { libnats: bench.job("libnats sink", size, "json", count) }),
          ...(newer && { "skilled v3": bench.job("skilled-v3 sink", size, "json", count / 4) }),
          ...(main && { naive: bench.job("naive sink", size, "json", count / 20) }),
          ...(newer && { "naive v3": bench.job("naive-v3 sink", size, "json", count / 20) }),
        },
        ratios: [
          ["json rows", "floor"],
          ["json rows", "skilled"],
          ...(native ? ([["json rows", "libnats"]] as const) : []),
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
