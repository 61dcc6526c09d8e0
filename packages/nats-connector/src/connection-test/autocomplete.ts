import { type Autocomplete, isConnectorError } from "@x/connector-api";
import type { JetStreamApi, StreamInfo } from "../jetstream/api.js";
import { guessColumns } from "./guess-columns.js";
import { type Dialler, TestSession } from "./test-session.js";

/** The whole time, connecting apart; what is known by then is the answer. */
const BUDGET_MS = 5000;
const MAX_STREAMS = 1000;
/** Streams that are looked into. */
const MAX_DETAILED = 16;
const MAX_SUBJECTS = 1000;
/** A stream with more subjects is known by its configuration: the server answers with up to 100,000 at once. */
const MAX_SUBJECTS_ASKED = 10_000;
const MAX_CONSUMERS = 1000;
const MAX_SAMPLES = 10;
const MAX_SAMPLE_BYTES = 1024 * 1024;

/**
 * What is on the server: `stream`; `subject` and `filterSubjects`, those seen in streams; and for the first streams
 * `<stream>.subjects`, `<stream>.consumers` and `<stream>.columns`, guessed from the last JSON payloads
 * (`delay BIGINT`). What this user may not see, or what takes too long, is left out. Rejects when there is no way in,
 * and with ABORTED.
 */
export async function autocomplete(dialler: Dialler, signal: AbortSignal): Promise<Autocomplete> {
  const session = new TestSession("autocomplete", signal);
  try {
    await session.adopt(await dialler.connect(session.context));
    const budget = AbortSignal.any([signal, AbortSignal.timeout(BUDGET_MS)]);
    const { api } = session.link;
    const found: Record<string, readonly string[]> = {};
    const streams = await orNothing(api.streamNames(">", budget), signal);
    found.stream = [...(streams ?? [])].sort().slice(0, MAX_STREAMS);
    const seen = new Set<string>();
    for (const stream of found.stream.slice(0, MAX_DETAILED)) {
      const info = await orNothing(api.streamInfo(stream, budget), signal);
      if (info === undefined) continue;
      const subjects = await orNothing(subjectsOf(api, info, budget), signal);
      const consumers = await orNothing(api.consumerNames(stream, budget), signal);
      const columns = await orNothing(columnsOf(api, info, budget), signal);
      if (subjects !== undefined) found[`${stream}.subjects`] = subjects;
      if (consumers !== undefined) found[`${stream}.consumers`] = [...consumers].sort().slice(0, MAX_CONSUMERS);
      if (columns !== undefined) found[`${stream}.columns`] = columns;
      for (const subject of subjects ?? []) seen.add(subject);
    }
    found.subject = [...seen].sort().slice(0, MAX_SUBJECTS);
    found.filterSubjects = found.subject;
    return found;
  } finally {
    await session.close();
  }
}

/** The result, or nothing where the server or the budget said no; what the user stopped stays stopped. */
async function orNothing<T>(asked: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (signal.aborted || !isConnectorError(error) || error.code === "CONNECTION_LOST") throw error;
    return undefined;
  }
}

async function subjectsOf(
  api: JetStreamApi,
  { config, state }: StreamInfo,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if ((state.num_subjects ?? 0) > MAX_SUBJECTS_ASKED) return config.subjects ?? [];
  const subjects: string[] = [];
  while (subjects.length < MAX_SUBJECTS) {
    const page = await api.streamSubjects(config.name, ">", subjects.length, signal);
    subjects.push(...page.subjects);
    if (page.subjects.length === 0 || subjects.length >= page.total) break;
  }
  return subjects.sort().slice(0, MAX_SUBJECTS);
}

/** Undefined when the last messages are not JSON objects. */
async function columnsOf(
  api: JetStreamApi,
  { config, state }: StreamInfo,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const payloads: Uint8Array[] = [];
  let bytes = 0;
  const end = Math.max(state.first_seq, state.last_seq - MAX_SAMPLES + 1);
  for (let seq = state.last_seq; state.messages > 0 && seq >= end && bytes < MAX_SAMPLE_BYTES; seq--) {
    const message = await api.getMessage(config.name, { seq }, signal);
    if (message === undefined) continue;
    bytes += message.payload.length;
    payloads.push(message.payload);
  }
  return guessColumns(payloads);
}
