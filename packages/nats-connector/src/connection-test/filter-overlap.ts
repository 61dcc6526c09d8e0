import { ConnectorError } from "@x/connector-api";
import type { StreamInfo } from "../jetstream/api.js";

/** Whether some subject is matched by both patterns. Both may hold `*` and a last `>`. */
export function subjectsOverlap(one: string, other: string): boolean {
  const left = one.split(".");
  const right = other.split(".");
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [a, b] = [left[i], right[i]];
    if (a === undefined || b === undefined) return false;
    if (a === ">" || b === ">") return true;
    if (a !== b && a !== "*" && b !== "*") return false;
  }
  return true;
}

/**
 * STREAM_MISMATCH for a filter that no subject of the stream can match: from 2.10 on servers take it and never deliver.
 * What a stream gets from others may have any subject, so there nothing is refused.
 */
export function checkFilter(filter: string, { config }: StreamInfo): void {
  const { subjects = [], mirror, sources = [], name } = config;
  if (mirror !== undefined || sources.length > 0) return;
  if (subjects.some((subject) => subjectsOverlap(filter, subject))) return;
  throw new ConnectorError(
    "STREAM_MISMATCH",
    `consumer.filter_subjects: stream "${name}" takes no message on "${filter}": its subjects are ${subjects.join(", ")}`,
    { context: { stream: name, filter, subjects } },
  );
}
