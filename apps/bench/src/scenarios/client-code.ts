import type { Bench } from "../bench.js";
import type { Race } from "../contest/race.js";

export interface ClientCodeRace {
  readonly size: string;
  readonly format: string;
  readonly count: number;
  /** The entrant of ours that all are compared with. */
  readonly ours: string;
}

/** A share of the messages that takes each about as long as ours takes for all of them. */
const share = {
  source: { skilled: 1 / 4, naive: 1 / 40 },
  sink: { skilled: 1 / 4, naive: 1 / 20 },
  pipeline: { skilled: 1 / 5, naive: 1 / 20 },
} as const;

/**
 * What people write on the client itself: with skill for every payload, one await after the other and on the newer
 * packages for the small JSON ones, which the short run leaves at the default client.
 */
export function clientCode(
  bench: Bench,
  end: keyof typeof share,
  { size, format, count, ours }: ClientCodeRace,
): Pick<Race, "entrants" | "ratios"> {
  const main = size === "100B" && format === "json";
  const levels = main ? (["skilled", "naive"] as const) : (["skilled"] as const);
  const versions = main && !bench.short ? ["", " v3"] : [""];
  const racers = versions.flatMap((version) => levels.map((level) => ({ level, version, name: `${level}${version}` })));
  return {
    entrants: Object.fromEntries(
      racers.map(({ level, version, name }) => {
        const entrant = `${level}${version.replace(" ", "-")} ${end}`;
        return [name, bench.job(entrant, size, format, count * share[end][level])];
      }),
    ),
    ratios: racers.map(({ name }) => [ours, name] as const),
  };
}
