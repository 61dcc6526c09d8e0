import type { Bench } from "../bench.js";
import { partitions } from "../contest/entrant.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";

const SIZE = "100B";
const COUNT = 200_000;
const PROCESSES = [1, 2, 4];

/**
 * One stream of four partitions read by 1, 2 and 4 processes. Reported only: how much more they can do depends on the
 * cores that the server leaves them. The short run leaves it out.
 */
export async function scalingLane(bench: Bench): Promise<Outcome[]> {
  if (bench.short) return [];
  await bench.streams.fillInput(await encodeRows("json", payload(SIZE)), COUNT, partitions);
  const nameOf = (processes: number): string => (processes === 1 ? "1 process" : `${processes} processes`);
  const entrant = (processes: number) => bench.job("ours processes", SIZE, "json", COUNT, { processes });
  return [
    await bench.race("scaling", {
      name: `json ${SIZE}`,
      writes: 1,
      entrants: Object.fromEntries(PROCESSES.map((processes) => [nameOf(processes), entrant(processes)])),
      ratios: PROCESSES.slice(1).map((processes) => [nameOf(processes), nameOf(1)] as const),
    }),
  ];
}
