import type { Bounds, Outcome } from "../contest/outcome.js";
import { floors } from "../floors.js";

/** Prints a lane as tables; the number of ratios that miss what they are held to. */
export function printLane(lane: string, outcomes: readonly Outcome[], heldTo: "ci" | "goal"): number {
  const number = (value: number): string => Math.round(value).toLocaleString("en");
  const speeds = outcomes.flatMap((outcome) => outcome.speeds);
  if (speeds.length > 0)
    console.table(
      speeds.map(({ race, entrant, perSecond, low, high, cpuMicros, serverMicros }) => ({
        [lane]: `${race}: ${entrant}`,
        "msg/s": number(perSecond),
        spread: `${number(low)}–${number(high)}`,
        "cpu µs/msg": cpuMicros?.toFixed(2) ?? "",
        "server's": serverMicros?.toFixed(2) ?? "",
      })),
    );
  const latencies = outcomes.flatMap((outcome) => outcome.latencies ?? []);
  if (latencies.length > 0) {
    console.table(
      latencies.map(({ race, entrant, p50, p99, p999 }) => ({
        [lane]: `${race}: ${entrant}`,
        "p50 ms": p50.toFixed(2),
        "p99 ms": p99.toFixed(2),
        "p99.9 ms": p999.toFixed(2),
      })),
    );
  }
  const measures = outcomes.flatMap((outcome) => outcome.measures ?? []);
  if (measures.length > 0) {
    console.table(measures.map(({ name, value, unit }) => ({ [lane]: name, value: value.toFixed(1), unit })));
  }
  const ratios = outcomes.flatMap((outcome) => outcome.ratios);
  console.table(
    ratios.map(({ name, value, low, high, cpu, sure, cpuSure }) => ({
      ratio: name,
      value: value.toFixed(2),
      spread: `${low.toFixed(2)}–${high.toFixed(2)}`,
      "by cpu": cpu?.toFixed(2) ?? "",
      "95 %": sure === undefined ? "" : `${bounds(sure)}, by cpu ${cpuSure === undefined ? "" : bounds(cpuSure)}`,
      "at least": floors[name]?.[heldTo].toFixed(2) ?? "",
      met: floors[name] === undefined ? "" : isMissed(name, high, heldTo) ? "NO" : "yes",
    })),
  );
  return ratios.filter(({ name, high }) => isMissed(name, high, heldTo)).length;
}

function bounds([low, high]: Bounds): string {
  return `${low.toFixed(2)}–${high.toFixed(2)}`;
}

/** Missed when three rounds of four were below: one slow round on a busy machine is no regression. */
function isMissed(name: string, upperQuartile: number, heldTo: "ci" | "goal"): boolean {
  return upperQuartile < (floors[name]?.[heldTo] ?? 0);
}
