import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError, type Identity, isConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { StreamConfig } from "../jetstream/api.js";
import { isTransient, isWrongLastSequence } from "../nats-errors.js";
import { answerWithin } from "../sink/target-stream.js";
import {
  type ExactlyOnceMode,
  encodeProgress,
  type OpenEnd,
  type Progress,
  type ProgressRecord,
  parseProgress,
  type Staged,
} from "./progress-record.js";
import { requestAck } from "./request-ack.js";
import { assertRoom } from "./stage-limits.js";

/** Where the progress of one split is kept, and for whom. */
export interface ProgressPlace {
  readonly stream: string;
  readonly subject: string;
  readonly split: string;
  /** The stream that positions are of. */
  readonly source: string;
  readonly identity: Identity;
}

/** The last record, as the stream's leader has it. */
export interface StoredProgress {
  readonly record: ProgressRecord;
  readonly seq: number;
  /** When it was stored, in epoch milliseconds. */
  readonly timeMs: number;
}

/** The right to write a split, until a newer claim. */
export interface Claim {
  /** Sequence of the claim: the first transaction expects the progress subject to end there. */
  readonly seq: number;
  readonly epoch: number;
  /** Where the split stood when it was claimed. */
  readonly progress: Progress;
  /** The claim as it was written. */
  readonly record: ProgressRecord;
}

const CLAIM_TIMEOUT_MS = 10_000;
/** Claims that came too late before a bid is made. */
const RACES = 1;
const CLAIM_RETRY_MS = 20;
const RETRY_MS = 100;
const LAST_RETRY_MS = 2000;
const FIRST_PATIENCE_MS = 500;
const LAST_PATIENCE_MS = 5000;
/** Answers in a row that there is no such stream, or no progress, before it is believed: a restarted server is still finding its own. */
const SUSPICIOUS = 3;

/**
 * Reads the progress of a split from the stream's leader; undefined when there is none. Rejects with STATE_INVALID when
 * the record is not of this version, pipeline or source stream.
 */
export async function readProgress(
  link: OpenConnection,
  place: ProgressPlace,
  signal: AbortSignal,
): Promise<StoredProgress | undefined> {
  const { stream, subject } = place;
  const message = await link.api.getMessage(stream, { last_by_subj: subject }, signal);
  if (message === undefined) return undefined;
  const record = parseProgress(message.payload, `message ${message.seq} on "${subject}"`);
  return { record: ownRecord(record, place), seq: message.seq, timeMs: Date.parse(message.time) };
}

/** The record itself, when it is about the same split and source. Throws STATE_INVALID for another's. */
export function ownRecord(
  record: ProgressRecord,
  { stream, subject, split, source, identity }: ProgressPlace,
): ProgressRecord {
  const foreign =
    record.pipeline !== identity.pipeline || record.split !== split
      ? `belongs to split "${record.split}" of pipeline "${record.pipeline}"`
      : record.stream !== source
        ? `is about stream "${record.stream}", not "${source}"`
        : undefined;
  if (foreign === undefined) return record;
  throw new ConnectorError(
    "STATE_INVALID",
    `the progress on "${subject}" ${foreign}; give the pipeline another name, or progress another subject`,
    { context: { stream, subject, pipeline: record.pipeline, split: record.split, source: record.stream } },
  );
}

/** The same, however long the stream does not answer. Rejects when it is gone, or with ABORTED. */
export async function readProgressPatiently(
  link: OpenConnection,
  place: ProgressPlace,
  signal: AbortSignal,
): Promise<StoredProgress | undefined> {
  for (let attempt = 0, missing = 0; ; attempt++) {
    await link.whenConnected(signal);
    try {
      // What is asked while a server is still finding its streams is lost, and must not cost a whole timeout.
      const patienceMs = Math.min(LAST_PATIENCE_MS, FIRST_PATIENCE_MS * 2 ** attempt);
      return await answerWithin(patienceMs, signal, (signal) => readProgress(link, place, signal));
    } catch (error) {
      missing = isConnectorError(error) && error.code === "STREAM_NOT_FOUND" ? missing + 1 : 0;
      if (signal.aborted || (!isTransient(error) && (missing === 0 || missing >= SUSPICIOUS))) throw error;
    }
    await abortable(sleep(Math.min(LAST_RETRY_MS, RETRY_MS * 2 ** attempt)), signal);
  }
}

/**
 * Header lines of a message on the progress subject, beside what it expects. It replaces those before it, but not a
 * stage, nor what lies where a start may have to read without a gap (`keeps`): of another split maybe.
 */
export function progressHeaders(
  { name, allow_rollup_hdrs, allow_msg_ttl, max_age = 0 }: StreamConfig,
  staged?: Staged,
  keeps = false,
): string {
  const replaces = !keeps && staged?.first === undefined;
  const rollup = replaces && allow_rollup_hdrs === true ? "Nats-Rollup: sub\r\n" : "";
  const ttl = allow_msg_ttl === true && max_age > 0 ? "Nats-TTL: never\r\n" : "";
  return `Nats-Expected-Stream: ${name}\r\n${rollup}${ttl}`;
}

/** What stands in the way of a claim. */
export interface Outlook {
  /** The last record. */
  readonly last: StoredProgress | undefined;
  /** The highest epoch claimed or bid for. */
  readonly epoch: number;
  /** Header lines of a claim behind it. */
  readonly claim: string;
  /** Header lines of a bid, where one helps against a rival that writes all the time. */
  readonly bid?: string;
}

export interface ClaimRequest {
  readonly link: OpenConnection;
  readonly place: ProgressPlace;
  readonly config: StreamConfig;
  readonly mode: ExactlyOnceMode;
  readonly look: (signal: AbortSignal) => Promise<Outlook>;
  /** The last durable checkpoint knows this split. */
  readonly hasCheckpoint: boolean;
  readonly ackTimeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Claims a split by writing the next epoch where the last record is: of two that try, one is first and the other tries
 * again behind it. From then on nobody with an older claim can write. Whether an unanswered claim was stored is read,
 * not guessed. Rejects with PROGRESS_MISMATCH when there is a checkpoint and no progress, before anything is written.
 */
export async function claimSplit(request: ClaimRequest): Promise<Claim> {
  const { link, place, config, mode, look, signal } = request;
  const deadline = Date.now() + CLAIM_TIMEOUT_MS;
  const write = (record: ProgressRecord, headers: string): Promise<number> => {
    const message = { subject: place.subject, payload: encodeProgress(record), headers };
    return requestAck(message, { link, stream: place.stream, timeoutMs: request.ackTimeoutMs, signal });
  };
  let claimed: ProgressRecord | undefined;
  let missed = 0;
  for (let races = 0; ; ) {
    try {
      const { last, epoch, claim, bid } = await look(signal);
      if (last !== undefined && claimed !== undefined && isSame(last.record, claimed)) {
        return { seq: last.seq, epoch: claimed.epoch, progress: progressOf(claimed), record: claimed };
      }
      if (request.hasCheckpoint && (last === undefined || last.record.position === null)) {
        // A new leader may answer with what was true a moment ago.
        if (++missed === SUSPICIOUS) throw lost(place);
        await abortable(sleep(RETRY_MS), signal);
        continue;
      }
      if (mode !== "fenced-msgid" && last?.record.open !== undefined) throw unsettled(place);
      claimed = nextClaim(place, mode, last, epoch + 1);
      const { staged, open } = claimed;
      if (staged !== undefined) {
        if (last !== undefined && last.record.mode !== mode) throw otherMode(place, last.record);
        const bids = bid === undefined ? 0 : 1;
        assertRoom(place, config, staged.records + staged.claims + bids, staged.input);
      }
      if (bid !== undefined && races >= RACES) {
        await write(
          { ...claimed, position: null, part: undefined, staged: undefined, bid: true },
          `Nats-Expected-Stream: ${place.stream}\r\n${bid}`,
        );
        races = 0;
        continue;
      }
      const seq = await write(claimed, `${progressHeaders(config, staged, open !== undefined)}${claim}`);
      return { seq, epoch: claimed.epoch, progress: progressOf(claimed), record: claimed };
    } catch (error) {
      // Somebody was quicker, or nobody answered: look again.
      const raced = isWrongLastSequence(error);
      if (raced) races += 1;
      if (!(raced || isTransient(error)) || Date.now() > deadline) throw error;
    }
    // A rival that commits all the time leaves little room: not in step with it.
    await abortable(sleep(Math.random() * CLAIM_RETRY_MS), signal);
    await link.whenConnected(signal);
  }

  function isSame(one: ProgressRecord, other: ProgressRecord): boolean {
    return one.epoch === other.epoch && one.instanceId === other.instanceId && one.commit === other.commit;
  }
}

function nextClaim(
  place: ProgressPlace,
  mode: ExactlyOnceMode,
  previous: StoredProgress | undefined,
  epoch: number,
): ProgressRecord {
  const { identity, split, source } = place;
  const last = previous?.record;
  return {
    v: 1,
    mode,
    pipeline: identity.pipeline,
    stream: source,
    split,
    epoch,
    instanceId: identity.instanceId,
    commit: 0,
    checkpoint: last?.checkpoint ?? 0,
    position: last?.position ?? null,
    ...(last?.part === undefined ? {} : { part: last.part }),
    ...stillStaged(previous),
    ...(mode === "fenced-msgid" ? { ids: last?.ids ?? identity.instanceId } : {}),
    ...(previous?.record.open === undefined ? {} : { open: stillOpen(previous.record.open, previous) }),
  };
}

/** What comes behind a record takes its place, but what may lie behind it stays there. */
export function stillOpen({ after, since, replaced = 0, whole }: OpenEnd, { seq, timeMs }: StoredProgress): OpenEnd {
  if (after === undefined) return { after: seq, since: timeMs, whole };
  return { after, since, replaced: replaced + 1, whole };
}

/** A whole stage has to be finished; one that is not whole is forgotten. */
export function stillStaged(previous: StoredProgress | undefined): Pick<ProgressRecord, "staged"> {
  const staged = previous?.record.staged;
  if (staged === undefined || staged.written < staged.chunks) return {};
  return { staged: { ...staged, first: staged.first ?? previous?.seq, claims: staged.claims + 1 } };
}

function progressOf({ position, part, staged }: ProgressRecord): Progress {
  return { position, part, staged };
}

function lost({ stream, subject, identity }: ProgressPlace): ConnectorError {
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `pipeline "${identity.pipeline}" has a checkpoint, but no progress on "${subject}" of stream "${stream}": the stream was purged or made anew, or progress is kept elsewhere now; start under a new name to write everything again`,
    { context: { pipeline: identity.pipeline, stream, subject } },
  );
}

function unsettled({ stream, subject, identity }: ProgressPlace): ConnectorError {
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `pipeline "${identity.pipeline}" was stopped by force while it wrote with ids (fenced-msgid), which no other mode can take up: let it run once more without allow_atomic on stream "${stream}" and without sink.sole_writer, and end it by a signal`,
    { context: { pipeline: identity.pipeline, stream, subject } },
  );
}

function otherMode({ stream, subject, identity }: ProgressPlace, { mode }: ProgressRecord): ConnectorError {
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `pipeline "${identity.pipeline}" was stopped in the middle of a staged input, which only the mode it was written in (${mode}) can take up: let it run once more with the sink and stream "${stream}" as they were, and end it by a signal`,
    { context: { pipeline: identity.pipeline, stream, subject } },
  );
}

/** Says who holds a split now. */
export function fenced({ identity, split }: ProgressPlace, epoch: number, holder: ProgressRecord): ConnectorError {
  const { pipeline, instanceId } = identity;
  return new ConnectorError(
    "FENCED",
    `pipeline "${pipeline}" was taken over: instance ${holder.instanceId} writes split "${split}" under epoch ${holder.epoch}, this one (${instanceId}) had ${epoch}`,
    { context: { pipeline, split, epoch, newerEpoch: holder.epoch, newerInstance: holder.instanceId } },
  );
}
