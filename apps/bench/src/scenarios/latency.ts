import type { Bench } from "../bench.js";
import { runLatencyRace } from "../contest/latency.js";
import type { Outcome } from "../contest/outcome.js";

/** From a producer through a pipeline to a subscriber, at fixed rates, against a hand-written raw loop. */
export async function latencyLane(bench: Bench): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const rate of [1000, 10_000]) {
    const live = (entrant: string) => bench.job(entrant, "timed", "json", 0, { live: true });
    outcomes.push(
      await runLatencyRace(
        "latency",
        {
          name: `${rate.toLocaleString("en")} msg/s`,
          rate,
          seconds: bench.short ? 2 : 5,
          turns: bench.short ? 1 : 3,
          servers: bench.servers,
          profileTo: bench.profileTo,
          entrants: {
            pipeline: live("ours pipeline"),
            "raw loop": live("floor pipeline"),
            ...(rate === 1000 && { skilled: live("skilled pipeline") }),
          },
          ratios: [["pipeline", "raw loop"], ...(rate === 1000 ? ([["pipeline", "skilled"]] as const) : [])],
        },
        bench.streams,
      ),
    );
  }
  return outcomes;
}
