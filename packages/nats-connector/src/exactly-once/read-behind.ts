import { ConnectorError, type SourceOrigin } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { walkStream } from "../inspect/walk-stream.js";
import type { DedupeWindow } from "./dedupe-window.js";
import type { Claim, ProgressPlace } from "./progress-log.js";
import type { OpenEnd } from "./progress-record.js";

/** What may be read to prove that an old run has left nothing behind its progress but what is found. */
const MAX_READ = 1_000_000;
const ID_HEADER = "\r\nNats-Msg-Id: ";

/** What the ids of a split's outputs begin with; `<input>:<row>` follows. */
export function idStart({ record }: Pick<Claim, "record">, { split }: ProgressPlace): string {
  return `${record.ids}:${split.replaceAll(/[^!-9;-~]/g, "_")}:`;
}

export interface Behind {
  readonly link: OpenConnection;
  readonly place: ProgressPlace;
  /** Where outputs beyond the position may lie, and since when. */
  readonly open: OpenEnd;
  /** The record that has moved the fence: no output of before is stored behind it. */
  readonly fence: number;
  readonly claim: Claim;
  readonly origin: SourceOrigin;
  readonly window: DedupeWindow;
  readonly signal: AbortSignal;
}

/**
 * The outputs beyond the position of a claim that are stored before a fence, as `<input>:<row>`. Rejects with
 * PROGRESS_MISMATCH where that cannot be known: messages were removed there (or there are too many to read), and the
 * stream has forgotten the ids.
 */
export async function readBehind(behind: Behind): Promise<Set<string>> {
  const { link, place, open, fence, claim, origin, window, signal } = behind;
  const stored = new Set<string>();
  const { after, since = 0, replaced = 0 } = open;
  if (after === undefined) return stored;
  const { stream } = place;
  const { ts, config } = await link.api.streamInfo(stream, signal);
  const ageMs = (ts === undefined ? Date.now() : Date.parse(ts)) - since;
  const count = fence - 1 - after;
  const forgotten = window.isOver(ageMs, config.duplicate_window);
  if (forgotten && count > MAX_READ) throw tooOld(place, after, ageMs, `${count} messages lie behind it`);
  const start = ID_HEADER + idStart(claim, place);
  const { position } = claim.progress;
  const done = position === null ? -1 : origin.sequenceOf(position);
  let found = 0;
  let records = 0;
  // Of every subject: what is missing is to be seen.
  for await (const messages of walkStream(link.api, {
    stream,
    from: after + 1,
    to: fence - 1,
    subjects: [],
    signal,
  })) {
    found += messages.length;
    for (const { headers, subject } of messages) {
      if (subject === place.subject) records++;
      const at = headers.indexOf(start);
      if (at === -1) continue;
      const output = headers.slice(at + start.length, headers.indexOf("\r\n", at + start.length));
      if (Number.parseInt(output, 10) > done) stored.add(output);
    }
  }
  const removed = count - found - (replaced - records);
  if (forgotten && removed !== 0) throw tooOld(place, after, ageMs, `${removed} messages behind it were removed`);
  return stored;
}

function tooOld(
  { stream, subject, split, identity }: ProgressPlace,
  sequence: number,
  ageMs: number,
  why: string,
): ConnectorError {
  const seconds = Math.round(ageMs / 1000);
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `pipeline "${identity.pipeline}" was stopped by force or cut off ${seconds} s ago, longer than stream "${stream}" surely knows the ids of its outputs (0.8 of duplicate_window), and ${why}: which outputs of split "${split}" were written behind message ${sequence} cannot be told any more. Look for the first input without output (an output's Nats-Msg-Id ends with its input and row), and start under a new name with deliver_policy = 'by_start_sequence' there; allow_atomic on the stream needs no ids`,
    { context: { pipeline: identity.pipeline, stream, subject, split, sequence, ageMs } },
  );
}
