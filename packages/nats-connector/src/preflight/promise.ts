import { planOf } from "./exactly-once-rules.js";
import type { Facts } from "./facts.js";

/** What a pipeline promises, in words. */
export function promiseOf(facts: Facts): string {
  const { source, sink } = facts;
  const delivery = sink !== undefined && "delivery" in sink.table ? sink.table.delivery : "at_least_once";
  if (source?.table.type === "core-source" || delivery === "at_most_once") return "at most once";
  if (delivery !== "exactly_once") return "at least once, in order";
  const isByIds =
    sink?.kind === "jetstream-sink" &&
    sink.stream !== undefined &&
    planOf({ ...sink, stream: sink.stream }, facts).mode === "fenced-msgid";
  return isByIds ? "exactly once" : "exactly once, in order";
}
