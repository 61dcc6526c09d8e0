import { ConnectorError } from "@x/connector-api";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
import { coversSubject } from "../sink/subject-match.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { filtersBehindTheLast, type Split } from "./splits.js";

/** A list of more subjects is not worth its size. */
const MOST_SUBJECTS = 1000;

/**
 * Looks for messages that no split would ever read, as far as a question or two can tell: a stream of a thousand
 * subjects by its list, a larger one by the partition behind the last. Rejects with OPTION_INVALID naming a subject.
 * Given filters are not looked at: what they leave out is the user's choice.
 */
export async function checkCoverage(
  api: JetStreamApi,
  table: JetStreamSourceTable,
  stream: StreamInfo,
  splits: readonly Split[],
  signal: AbortSignal,
): Promise<void> {
  const behind = filtersBehindTheLast(table, stream);
  if (behind === undefined) return;
  const subject =
    (stream.state.num_subjects ?? MOST_SUBJECTS) < MOST_SUBJECTS
      ? await uncovered(api, table, splits, signal)
      : await firstOn(api, table.stream, behind, signal);
  if (subject === undefined) return;
  throw new ConnectorError(
    "OPTION_INVALID",
    `partitions = ${splits.length}: subject "${subject}" of stream "${table.stream}" is in none of them, and would never be read`,
    { context: { subject } },
  );
}

async function uncovered(
  api: JetStreamApi,
  { stream, filterSubjects }: JetStreamSourceTable,
  splits: readonly Split[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const { subjects } = await api.streamSubjects(stream, ">", 0, signal);
  const filters = splits.flatMap((split) => split.filters);
  const isWanted = (subject: string): boolean =>
    filterSubjects.length === 0 || filterSubjects.some((filter) => coversSubject(filter, subject));
  return subjects.find((subject) => isWanted(subject) && !filters.some((filter) => coversSubject(filter, subject)));
}

async function firstOn(
  api: JetStreamApi,
  stream: string,
  filters: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const last_by_subj of filters) {
    const message = await api.getMessage(stream, { last_by_subj }, signal);
    if (message !== undefined) return message.subject;
  }
  return undefined;
}
