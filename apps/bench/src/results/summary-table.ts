import type { Latency, Outcome } from "../contest/outcome.js";
import type { RunRecord } from "./run-record.js";

export const BEGIN = "<!-- bench: begin -->";
export const END = "<!-- bench: end -->";

/** What the README says of a record, with its markers. Lanes that were not measured are left out. */
export function summaryTable(record: RunRecord): string {
  const [first] = Object.values(record);
  if (first === undefined) throw new Error("nothing has been measured");
  const rows = [
    ...speedRows(record),
    ...latencyRows(record.latency?.outcomes ?? []),
    ...measureRows([...(record.startup?.outcomes ?? []), ...(record.memory?.outcomes ?? [])]),
  ];
  return [
    BEGIN,
    "| | measured | against |",
    "|---|---|---|",
    ...rows.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    `${first.machine}, shared by process and server; Node ${first.node}, nats-server ${first.server}. The ratios are what counts:`,
    "each is from one run in which both took turns.",
    END,
  ].join("\n");
}

type Cells = readonly [what: string, measured: string, against: string];

/** Lane, race and entrant of each line about speed, and the ratios beside it. */
const speeds: readonly (readonly [
  what: string,
  lane: string,
  race: string,
  entrant: string,
  others: readonly string[],
])[] = [
  ["stream to stream, JSON, at least once", "pipeline", "json 100B", "at least once", ["skilled", "naive", "floor"]],
  ["stream to stream, JSON, exactly once", "pipeline", "json 100B", "exactly once", ["skilled", "naive", "floor"]],
  ["stream to stream, Avro", "pipeline", "avro 100B", "at least once", ["floor"]],
  ["stream to stream, Protobuf", "pipeline", "protobuf 100B", "at least once", ["floor"]],
  ["reading JSON rows", "source", "100B", "json rows", ["skilled", "naive", "floor"]],
  ["reading raw bytes", "source", "100B", "raw bytes", ["floor"]],
  ["writing JSON rows", "sink", "100B", "json rows", ["skilled", "naive", "floor"]],
  ["writing JSON rows with message_id", "sink", "100B with message_id", "json rows", ["skilled", "floor"]],
  ["a WHERE in DuckDB", "where", "late flights", "duckdb", ["plain code"]],
];

const baselines: Readonly<Record<string, string>> = {
  skilled: "skilled client code",
  naive: "one await per message",
  floor: "the bare protocol",
  "plain code": "a filter in TypeScript",
};

function speedRows(record: RunRecord): Cells[] {
  return speeds.flatMap(([what, lane, race, entrant, others]): Cells[] => {
    const outcome = record[lane]?.outcomes.find((one) => one.speeds.some((speed) => speed.race === race));
    const speed = outcome?.speeds.find((one) => one.entrant === entrant);
    if (outcome === undefined || speed === undefined) return [];
    const against = others.flatMap((other) => {
      const ratio = outcome.ratios.find(({ name }) => name === `${lane} ${race}: ${entrant} / ${other}`);
      return ratio === undefined ? [] : [`${times(ratio.value)} × ${baselines[other]}`];
    });
    return [[what, `${thousands(speed.perSecond)} messages/s`, against.join(", ")]];
  });
}

function latencyRows(outcomes: readonly Outcome[]): Cells[] {
  const text = ({ p50, p99 }: Latency): string => `${p50.toFixed(2)} ms, 99 % within ${p99.toFixed(1)} ms`;
  return outcomes.flatMap(({ latencies = [] }): Cells[] => {
    const ours = latencies.find(({ entrant }) => entrant === "pipeline");
    const raw = latencies.find(({ entrant }) => entrant === "raw loop");
    if (ours === undefined || raw === undefined) return [];
    return [[`end to end at ${ours.race}, median`, text(ours), `a hand-written raw loop: ${text(raw)}`]];
  });
}

function measureRows(outcomes: readonly Outcome[]): Cells[] {
  return outcomes
    .flatMap((outcome) => outcome.measures ?? [])
    .map(({ name, value, unit }): Cells => [name, `${value.toFixed(unit === "ms" ? 0 : 1)} ${unit}`, ""]);
}

function thousands(value: number): string {
  return (Math.round(value / 1000) * 1000).toLocaleString("en");
}

function times(value: number): string {
  return value >= 10 ? value.toFixed(0) : value >= 2 ? value.toFixed(1) : value.toFixed(2);
}
