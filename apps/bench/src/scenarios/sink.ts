import { buildableClients } from "../baselines/native-clients.js";
import type { Bench } from "../bench.js";
import type { Outcome } from "../contest/outcome.js";
import { clientCode } from "./client-code.js";

/** Writing rows into a stream with `openSink`, and exactly once with the operator, until the last one is acknowledged. */
export async function sinkLane(bench: Bench): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  if (bench.short) console.error("sink: SKIPPED the clients in C, Go and Rust: the short run leaves them out");
  const native = bench.short ? [] : buildableClients("sink");
  for (const { size, count } of bench.sizes) {
    const others = clientCode(bench, "sink", { size, format: "json", count, ours: "json rows" });
    outcomes.push(
      await bench.race("sink", {
        name: size,
        writes: 1,
        entrants: {
          "json rows": bench.job("ours sink", size, "json", count),
          "at least once": bench.job("ours sink operator", size, "json", count),
          "exactly once": bench.job("ours sink operator", size, "json", count, { delivery: "exactly_once" }),
          floor: bench.job("floor sink", size, "json", count),
          ...Object.fromEntries(native.map((name) => [name, bench.job(`${name} sink`, size, "json", count)])),
          ...others.entrants,
        },
        ratios: [
          ["json rows", "floor"],
          ["exactly once", "at least once"],
          ...native.map((name) => ["json rows", name] as const),
          ...native.map((name) => ["floor", name] as const),
          ...others.ratios,
        ],
      }),
    );
  }
  outcomes.push(await withMessageId(bench));
  return outcomes;
}

/** The same with an id on each message, which the server keeps and looks up. */
function withMessageId(bench: Bench): Promise<Outcome> {
  const { count } = bench.sizes[0] ?? { count: 0 };
  const job = (entrant: string) => bench.job(entrant, "timed", "json", count, { messageId: true });
  return bench.race("sink", {
    name: "100B with message_id",
    writes: 1,
    entrants: {
      "json rows": job("ours sink"),
      floor: job("floor sink"),
      // It puts an id on each message anyway.
      skilled: bench.job("skilled sink", "timed", "json", count / 4),
    },
    ratios: [
      ["json rows", "floor"],
      ["json rows", "skilled"],
    ],
  });
}
