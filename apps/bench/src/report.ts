import type { Outcome } from "./runner.js";

/** Prints a lane as a table; the number of contests below their target. */
export function report(lane: string, outcomes: readonly Outcome[]): number {
  const rows = outcomes.map((outcome) => ({
    [lane]: outcome.name,
    "ours/s": Math.round(outcome.ours).toLocaleString("en"),
    "bare/s": Math.round(outcome.bare).toLocaleString("en"),
    ratio: outcome.ratio.toFixed(2),
    spread: `${outcome.low.toFixed(2)}–${outcome.high.toFixed(2)}`,
    target: outcome.target.toFixed(2),
    met: outcome.ratio >= outcome.target ? "yes" : "NO",
  }));
  console.table(rows);
  return outcomes.filter((outcome) => outcome.ratio < outcome.target).length;
}
