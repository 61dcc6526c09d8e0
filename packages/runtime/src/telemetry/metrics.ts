import type { RunningPipeline } from "../pipeline-spec.js";

/** One number of a pipeline, read when somebody asks for it: it costs nothing in between. */
export interface Metric {
  /** The name in OpenTelemetry; in Prometheus dots become "_", and a counter ends in `_total`. */
  readonly name: string;
  readonly kind: "counter" | "gauge";
  /** Unit in UCUM, as OpenTelemetry takes it. */
  readonly unit: string;
  readonly help: string;
  /** Undefined while there is none. */
  read(pipeline: RunningPipeline): number | undefined;
}

const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000);

/** THE list of metrics. A new one is one line here and one in `docs/observability.md`. */
export const metrics: readonly Metric[] = [
  counter("rows_in", "{row}", "Rows decoded and handed on", ({ counters }) => counters.rowsIn),
  counter("rows_out", "{row}", "Rows the destination confirmed", ({ counters }) => counters.rowsOut),
  counter("bad_rows", "{row}", "Rows or messages refused, whatever the policy", ({ counters }) => counters.badRows),
  counter("dropped_rows", "{row}", "Rows lost to overflow", ({ counters }) => counters.droppedRows),
  counter(
    "unconfirmed_rows",
    "{row}",
    "Rows given up before they were confirmed",
    ({ counters }) => counters.unconfirmedRows,
  ),
  counter(
    "no_responders",
    "{message}",
    "Publishes that nobody received, where counted",
    ({ counters }) => counters.noResponders,
  ),
  counter("in_bytes", "By", "Payload bytes handed on", ({ counters }) => counters.bytesIn),
  counter("out_bytes", "By", "Payload bytes written", ({ counters }) => counters.bytesOut),
  counter("gaps", "{gap}", "Places where input is or may be missing", ({ counters }) => counters.gaps),
  counter("rebuilds", "{rebuild}", "Times the source began anew at its position", ({ counters }) => counters.rebuilds),
  counter("reconnects", "{reconnect}", "Times a lost connection came back", ({ counters }) => counters.reconnects),
  counter("checkpoints", "{checkpoint}", "Durable checkpoints", ({ checkpoints }) => checkpoints.completed),
  counter("checkpoint_failures", "{checkpoint}", "Checkpoints that failed", ({ checkpoints }) => checkpoints.failed),
  counter("checkpoint_seconds", "s", "Time spent on durable checkpoints", (run) => seconds(run.checkpoints.totalMs)),
  gauge("checkpoint_last_seconds", "s", "How long the last one took", (run) => seconds(run.checkpoints.lastMs)),
  gauge("checkpoint_age_seconds", "s", "Time since the last durable one", (run) => seconds(run.checkpointAgeMs)),
  gauge("lag", "{message}", "Inputs waiting at the source, where it knows", ({ counters }) => counters.lag),
  gauge("in_flight", "{row}", "Rows written and not confirmed yet", ({ counters }) => counters.inFlight),
  gauge(
    "connections_lost",
    "{connection}",
    "Connections that are lost at this moment",
    ({ counters }) => counters.away,
  ),
  gauge("group_members", "{member}", "Processes that share the splits", ({ group }) => group?.members.length ?? 1),
  gauge("up", "1", "1 while it runs, 0 while it starts and after its end", ({ state }) =>
    state === "running" || state === "draining" ? 1 : 0,
  ),
];

function counter(name: string, unit: string, help: string, read: Metric["read"]): Metric {
  return { name: `pipeline.${name}`, kind: "counter", unit, help, read };
}

function gauge(name: string, unit: string, help: string, read: Metric["read"]): Metric {
  return { name: `pipeline.${name}`, kind: "gauge", unit, help, read };
}
