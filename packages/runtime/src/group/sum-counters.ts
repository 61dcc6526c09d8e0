import { createCounters, type OperatorCounters } from "@x/connector-api";
import type { CheckpointNumbers } from "../pipeline-spec.js";

/** The numbers of several pipelines as those of one. */
export function sumCounters(all: Iterable<Readonly<OperatorCounters>>): OperatorCounters {
  const sum = createCounters();
  for (const { lag, awaySince, ...counts } of all) {
    for (const [name, count] of Object.entries(counts)) sum[name as keyof typeof counts] += count;
    if (lag !== undefined) sum.lag = (sum.lag ?? 0) + lag;
    if (awaySince !== undefined) sum.awaySince = Math.min(sum.awaySince ?? awaySince, awaySince);
  }
  return sum;
}

/** What remains of the numbers of one that has ended: what waited in it waits elsewhere now. */
export function settledCounters(counters: Readonly<OperatorCounters>): OperatorCounters {
  return { ...counters, inFlight: 0, lag: undefined, away: 0, awaySince: undefined };
}

export function sumCheckpoints(all: Iterable<CheckpointNumbers>): CheckpointNumbers {
  const sum = { completed: 0, failed: 0, totalMs: 0 };
  let lastMs: number | undefined;
  for (const one of all) {
    sum.completed += one.completed;
    sum.failed += one.failed;
    sum.totalMs += one.totalMs;
    if (one.lastMs !== undefined) lastMs = Math.max(lastMs ?? 0, one.lastMs);
  }
  return { ...sum, lastMs };
}
