/** One way of doing the work of a lane: does it `rounds` times over all its payloads. */
export type Work = (rounds: number) => void;

/** Two ways of doing the same work on the same data. */
export interface Contest {
  readonly name: string;
  readonly ours: Work;
  readonly bare: Work;
  /** Payloads in one round. */
  readonly perRound: number;
  /** The least that ours / bare may be, as speed. */
  readonly target: number;
}

export interface Outcome {
  readonly name: string;
  readonly target: number;
  /** Payloads per second. */
  readonly ours: number;
  readonly bare: number;
  /** Median of the ratios of neighbouring turns, and the quartiles around it. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
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
  return {
    name: contest.name,
    target: contest.target,
    ours: perSecond(quantile(ours, 0.5)),
    bare: perSecond(quantile(bare, 0.5)),
    ratio: quantile(ratios, 0.5),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
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

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * share)] as number;
}
