import { medianBounds, quantile } from "../quantile.js";
import type { Job, Timing } from "./entrant.js";
import { type RunningEntrant, startEntrant } from "./entrant-runner.js";
import type { Outcome } from "./outcome.js";
import { cpuOfProcess } from "./server-cpu.js";
import type { BenchStreams } from "./streams.js";

/** Who races, on what. The first ratio of a name is of `[a, b]`: how many times a is as fast as b. */
export interface Race {
  readonly name: string;
  /** Name in reports → what its process does. */
  readonly entrants: Readonly<Record<string, Job>>;
  readonly ratios: readonly (readonly [a: string, b: string])[];
  /** What share of its messages each turn must leave in the stream OUT, where they are counted. */
  readonly writes: number;
  /** Counted rounds, where the length of the run does not say it. */
  readonly turns?: number;
}

export interface RaceOptions {
  readonly turns: number;
  /** Turns before those, not counted. */
  readonly warmUp: number;
  readonly profileTo: string | undefined;
  readonly serverPid: number;
}

/** One turn, with what it cost the server. */
interface Turn extends Timing {
  readonly serverMs: number;
}

/**
 * Lets entrants work in turns, A B C A B C, then C B A, each in its own process: what slows the machine down meets all of
 * them, and nobody always goes first. Speeds are compared within a round only.
 */
export async function runRace(lane: string, race: Race, streams: BenchStreams, options: RaceOptions): Promise<Outcome> {
  const names = Object.keys(race.entrants);
  const { turns } = options;
  const running = new Map<string, RunningEntrant>();
  const timings = new Map<string, Turn[]>(names.map((name) => [name, []]));
  try {
    for (const [name, job] of Object.entries(race.entrants)) {
      running.set(name, await startEntrant(job, `${lane} ${race.name} ${name}`, options.profileTo));
    }
    for (let round = -options.warmUp; round < turns; round++) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const job = race.entrants[name] as Job;
        await streams.renewOutput();
        const before = cpuOfProcess(options.serverPid);
        const timing = await (running.get(name) as RunningEntrant).turn(round + options.warmUp);
        const serverMs = cpuOfProcess(options.serverPid) - before;
        await streams.expectOutput(Math.round(job.count * race.writes), `${lane} ${race.name}: ${name}`);
        if (round >= 0) timings.get(name)?.push({ ...timing, serverMs });
      }
    }
  } finally {
    for (const entrant of running.values()) await entrant.close();
  }
  const speedsOf = (name: string): number[] => perTurn(race, name, timings, (turn) => turn.ms).map((ms) => 1000 / ms);
  const median = (name: string, measure: (turn: Turn) => number): number =>
    quantile(perTurn(race, name, timings, measure), 0.5);
  const cpuOf = (name: string): number => median(name, (turn) => turn.cpuMs * 1000);
  const bothOf = (name: string): number[] => perTurn(race, name, timings, (turn) => turn.cpuMs + turn.serverMs);
  return {
    speeds: names.map((name) => ({
      race: race.name,
      entrant: name,
      ...spread(speedsOf(name), "perSecond"),
      cpuMicros: cpuOf(name),
      serverMicros: median(name, (turn) => turn.serverMs * 1000),
    })),
    ratios: race.ratios.map(([a, b]) => {
      const ratios = paired(speedsOf(a), speedsOf(b));
      const cpu = paired(bothOf(b), bothOf(a));
      return {
        name: `${lane} ${race.name}: ${a} / ${b}`,
        ...spread(ratios, "value"),
        cpu: quantile(cpu, 0.5),
        sure: medianBounds(ratios),
        cpuSure: medianBounds(cpu),
      };
    }),
  };
}

/** Each a through its b: neighbours in time. */
function paired(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, round) => value / (b[round] as number));
}

/** A measure of an entrant, per message, turn by turn. */
function perTurn(
  race: Race,
  name: string,
  timings: ReadonlyMap<string, readonly Turn[]>,
  measure: (turn: Turn) => number,
): number[] {
  const { count } = race.entrants[name] as Job;
  return (timings.get(name) ?? []).map((turn) => measure(turn) / count);
}

function spread<Middle extends string>(values: readonly number[], middle: Middle) {
  const named = { [middle]: quantile(values, 0.5) } as { readonly [key in Middle]: number };
  return { ...named, low: quantile(values, 0.25), high: quantile(values, 0.75) };
}
