import { setMaxListeners } from "node:events";
import type { JetStreamApi, StoredMessage } from "../jetstream/api.js";
import { coversSubject } from "../sink/subject-match.js";

export interface Walk {
  readonly stream: string;
  readonly from: number;
  /** The last sequence to look at. */
  readonly to: number;
  /** Subjects to keep; none means all. */
  readonly subjects: readonly string[];
  readonly signal: AbortSignal;
}

/** Messages that are asked for at once, at most; and how much they may weigh together, by what came before. */
const MAX_WINDOW = 256;
const MAX_WINDOW_BYTES = 8 * 1024 * 1024;
const FIRST_WINDOW = 16;

/**
 * The messages of a range of a stream, in order, a few at a time. Each is read by its sequence from the stream's leader:
 * no consumer is made, so nothing is acked, moved or removed, whatever the retention, and what was stored is seen.
 */
export async function* walkStream(api: JetStreamApi, walk: Walk): AsyncGenerator<readonly StoredMessage[]> {
  const { stream, to, subjects, signal } = walk;
  // Each request listens to it, and a window of them is no leak.
  setMaxListeners(0, signal);
  const wanted = ({ subject }: StoredMessage): boolean =>
    subjects.length === 0 || subjects.some((filter) => coversSubject(filter, subject));
  let window = FIRST_WINDOW;
  for (let next = walk.from; next <= to; ) {
    const count = Math.min(window, to - next + 1);
    const asked = Array.from({ length: count }, (_, i) => api.getMessage(stream, { seq: next + i }, signal));
    const there = (await Promise.all(asked)).filter((message) => message !== undefined);
    const found = there.filter(wanted);
    if (found.length > 0) yield found;
    next += count;
    window = windowFor(there);
    // Nothing for us: there may be nothing for a long way.
    if (found.length === 0 && next <= to) next = await nextOf(api, walk, next);
  }
}

/** The last `count` messages at or before a sequence, looking back over at most so many sequences. */
export async function lastMessages(
  api: JetStreamApi,
  walk: Pick<Walk, "stream" | "subjects" | "signal"> & { readonly first: number; readonly last: number },
  count: number,
): Promise<number> {
  const { stream, subjects, signal, first, last } = walk;
  let start = last + 1;
  let found = 0;
  while (start > first && found < count && last - start < MAX_LOOK_BACK) {
    const from = Math.max(first, start - MAX_WINDOW);
    const sequences: number[] = [];
    for await (const messages of walkStream(api, { stream, subjects, signal, from, to: start - 1 })) {
      sequences.push(...messages.map(({ seq }) => seq));
    }
    const missing = count - found;
    if (sequences.length >= missing) return sequences.at(-missing) ?? from;
    found += sequences.length;
    start = from;
  }
  return start;
}

const MAX_LOOK_BACK = 20_000;

function windowFor(messages: readonly StoredMessage[]): number {
  const bytes = messages.reduce((sum, { payload, headers }) => sum + payload.length + headers.length, 0);
  const average = Math.max(1, bytes / Math.max(1, messages.length));
  return Math.max(4, Math.min(MAX_WINDOW, Math.floor(MAX_WINDOW_BYTES / average)));
}

/** The sequence of the next message for us, or behind the end. */
async function nextOf(api: JetStreamApi, { stream, to, subjects, signal }: Walk, from: number): Promise<number> {
  const filters = subjects.length === 0 ? [">"] : subjects;
  const asked = filters.map((filter) => api.getMessage(stream, { seq: from, next_by_subj: filter }, signal));
  return Math.min(to + 1, ...(await Promise.all(asked)).map((message) => message?.seq ?? to + 1));
}
