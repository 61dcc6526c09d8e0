import type { Outcome, Speed } from "./contest/outcome.js";
import { quantile } from "./quantile.js";

/** One way of doing the work of a lane: does it `rounds` times over all its payloads. */
export type Work = (rounds: number) => void;

/** Two ways of doing the same work on the same data, in one process. */
export interface Contest {
  /** Lane and name, as in `decode json`. */
  readonly name: string;
  /** What each way is called in reports. */
  readonly labels: readonly [ours: string, bare: string];
  readonly ours: Work;
  readonly bare: Work;
  /** Payloads in one round. */
  readonly perRound: number;
}

/** Speeds are compared turn by turn, A B A B, so that what slows the machine down meets both. */
export function runContest(contest: Contest, turns = 15, turnMs = 60): Outcome {
  const rounds = warmUp(contest, turnMs);
  const ours: number[] = [];
  const bare: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    // Whoever goes second meets a warmer cache: they take turns at that too.
    const pair = turn % 2 === 0 ? ([ours, bare] as const) : ([bare, ours] as const);
    for (const side of pair) side.push(timed(side === ours ? contest.ours : contest.bare, rounds));
  }
  const ratios = ours.map((ms, i) => (bare[i] as number) / ms);
  const perSecond = (ms: number): number => (contest.perRound * rounds * 1000) / ms;
  const speed = (entrant: string, times: readonly number[]): Speed => ({
    race: contest.name,
    entrant,
    perSecond: perSecond(quantile(times, 0.5)),
    low: perSecond(quantile(times, 0.75)),
    high: perSecond(quantile(times, 0.25)),
    cpuMicros: undefined,
    serverMicros: undefined,
  });
  const [a, b] = contest.labels;
  const name = `${contest.name}: ${a} / ${b}`;
  return {
    speeds: [speed(a, ours), speed(b, bare)],
    ratios: [
      { name, value: quantile(ratios, 0.5), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75), cpu: undefined },
    ],
  };
}

/** Runs both until the compiler has settled; the rounds that then fill a turn. */
function warmUp({ ours, bare }: Contest, turnMs: number): number {
  let rounds = 1;
  const end = performance.now() + 8 * turnMs;
  while (performance.now() < end) {
    const ms = timed(bare, rounds) + timed(ours, rounds);
    if (ms < turnMs) rounds *= 2;
  }
  return rounds;
}

function timed(work: Work, rounds: number): number {
  const startedAt = performance.now();
  work(rounds);
  return performance.now() - startedAt;
}
