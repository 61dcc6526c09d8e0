import type { TableConfig } from "../table-config.js";

/** What the options of a pipeline promise, in words. A side that is not NATS is undefined. */
export function promiseOf(sides: {
  readonly source: TableConfig | undefined;
  readonly sink: TableConfig | undefined;
}): string {
  const { source, sink } = sides;
  const delivery = sink !== undefined && "delivery" in sink ? sink.delivery : "at_least_once";
  if (source?.type === "core-source" || delivery === "at_most_once") return "at most once";
  if (delivery === "exactly_once") return "exactly once, in order";
  return "at least once, in order";
}
