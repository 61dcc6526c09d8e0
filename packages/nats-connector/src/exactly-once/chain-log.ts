import { ConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { StoredMessage } from "../jetstream/api.js";
import {
  type Claim,
  fenced,
  type Outlook,
  ownRecord,
  type ProgressPlace,
  readProgress,
  type StoredProgress,
} from "./progress-log.js";
import { type ExactlyOnceMode, encodeProgress, type ProgressRecord, parseProgress } from "./progress-record.js";

/** Header of every output of a chain: progress as it is once that output is in the stream. */
export const PROGRESS_HEADER = "X-Progress";

/** Bids that may lie above each other. */
const MAX_BIDS = 100;

/**
 * Where a split stands that was last written by a chain, or never: the last message of the stream says it. `claimed`
 * is what stands on the progress subject, maybe a bid. Rejects with OPTION_CONFLICT when somebody else has written behind this pipeline.
 */
export async function readChain(
  link: OpenConnection,
  place: ProgressPlace,
  signal: AbortSignal,
): Promise<{
  readonly last: StoredProgress | undefined;
  readonly lastSeq: number;
  readonly claimed: StoredProgress | undefined;
}> {
  const claimed = await readProgress(link, place, signal);
  const lastSeq = await lastSequence(link, place, signal);
  for (let seq = lastSeq; seq > lastSeq - MAX_BIDS; seq--) {
    const message = seq <= 0 ? undefined : await link.api.getMessage(place.stream, { seq }, signal);
    const record = message && progressIn(message, place);
    if (message === undefined || record === undefined || !isOwn(record, place)) {
      // A clean stop has said all in its progress, and other modes always do.
      const isWhole = claimed === undefined || claimed.record.mode !== "chain" || claimed.record.final === true;
      if (isWhole) return { last: claimed, lastSeq, claimed };
      // Rolled up in this moment by somebody who is still writing: another look will tell.
      if (message === undefined && (await lastSequence(link, place, signal)) !== lastSeq) throw moving(place);
      throw notAlone(place, seq, message);
    }
    if (record.broken === true) throw notAlone(place, seq, message);
    if (record.bid === true) continue;
    const last = { record: ownRecord(record, place), seq, timeMs: Date.parse(message.time) };
    return { last, lastSeq, claimed };
  }
  throw notAlone(place, lastSeq, undefined);
}

/**
 * Of a chain behind its claim: how many of its messages are in the stream, asked when message `n` was refused. Rejects
 * with FENCED when a newer claim or bid is in its way, with OPTION_CONFLICT when anybody else's message is, and with
 * POSITION_LOST when the progress it expects something of (`holdsProgress`) is gone.
 */
export async function countChain(
  link: OpenConnection,
  place: ProgressPlace,
  claim: Pick<Claim, "seq" | "epoch">,
  n: number,
  signal: AbortSignal,
  holdsProgress: boolean,
): Promise<number> {
  const lastSeq = await lastSequence(link, place, signal);
  if (lastSeq < claim.seq) throw wentBack(place, claim.seq, lastSeq);
  for (const seq of new Set([Math.min(claim.seq + 1 + n, lastSeq), lastSeq])) {
    const message = await link.api.getMessage(place.stream, { seq }, signal);
    // Removed by a limit or a rollup: then it was not the last, or not foreign.
    if (message === undefined) continue;
    const record = progressIn(message, place);
    if (record === undefined || !isOwn(record, place)) throw notAlone(place, seq, message);
    const isMine = record.epoch === claim.epoch && record.instanceId === place.identity.instanceId;
    if (!isMine) throw fenced(place, claim.epoch, record);
    if (record.commit !== seq - claim.seq) throw notAlone(place, seq, message);
  }
  if (holdsProgress && (await readProgress(link, place, signal)) === undefined) throw progressGone(place);
  return lastSeq - claim.seq;
}

/** The outputs themselves say where it stands: another start claims behind them, where any are left. */
function progressGone({ stream, subject, identity }: ProgressPlace): ConnectorError {
  return new ConnectorError(
    "POSITION_LOST",
    `the progress of pipeline "${identity.pipeline}" on "${subject}" is gone from stream "${stream}" while it runs: it was purged, or has expired (max_age)`,
    { context: { stream, subject, pipeline: identity.pipeline } },
  );
}

/** Says in the stream that a chain is broken, so that no later run goes on with it. Best effort: this one ends anyway. */
export async function markBroken(link: OpenConnection, place: ProgressPlace, epoch: number): Promise<void> {
  const { identity, split, source, subject } = place;
  const { pipeline, instanceId } = identity;
  const record: ProgressRecord = {
    ...{ v: 1, mode: "chain", pipeline, stream: source, split, epoch, instanceId, commit: 0, checkpoint: 0 },
    position: null,
    broken: true,
  };
  link.client.publish(subject, encodeProgress(record));
  await link.client.flush().catch(() => {});
}

/** The progress that a message of a chain carries; undefined for a message of somebody else. */
function progressIn(message: StoredMessage, { subject }: ProgressPlace): ProgressRecord | undefined {
  const place = `message ${message.seq} on "${message.subject}"`;
  if (message.subject === subject) return parseProgress(message.payload, place);
  const line = message.headers.split("\r\n").find((each) => each.startsWith(`${PROGRESS_HEADER}: `));
  if (line === undefined) return undefined;
  return parseProgress(Buffer.from(line.slice(PROGRESS_HEADER.length + 2), "latin1"), place);
}

async function lastSequence(link: OpenConnection, { stream }: ProgressPlace, signal: AbortSignal): Promise<number> {
  return (await link.api.streamInfo(stream, signal)).state.last_seq;
}

function isOwn(record: ProgressRecord, { identity, split }: ProgressPlace): boolean {
  return record.pipeline === identity.pipeline && record.split === split;
}

function notAlone(
  { stream, identity }: ProgressPlace,
  seq: number,
  message: StoredMessage | undefined,
): ConnectorError {
  const what = message === undefined ? "was removed" : `on "${message.subject}" is not of it or says so`;
  return new ConnectorError(
    "OPTION_CONFLICT",
    `sink.sole_writer = true, but message ${seq} of stream "${stream}", among or behind those of pipeline "${identity.pipeline}", ${what}: somebody else writes into the stream; set allow_atomic on the stream (server 2.12 or later) and start under a new name, or keep others out`,
    { context: { option: "sink.sole_writer", stream, sequence: seq, subject: message?.subject } },
  );
}

function moving({ stream }: ProgressPlace): ConnectorError {
  return new ConnectorError("SERVER_UNAVAILABLE", `stream "${stream}" is being written to while its end is read`);
}

function wentBack({ stream, identity }: ProgressPlace, claimSeq: number, lastSeq: number): ConnectorError {
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `stream "${stream}" ends at ${lastSeq}, before the start of pipeline "${identity.pipeline}" at ${claimSeq}: it was restored or made anew while the pipeline runs; start under a new name`,
    { context: { stream, claim: claimSeq, lastSeq } },
  );
}

/** What stands in the way of a claim that expects the last progress. An earlier chain tells more in its outputs. */
export async function lookAtProgress(
  link: OpenConnection,
  place: ProgressPlace,
  mode: ExactlyOnceMode,
  signal: AbortSignal,
): Promise<Outlook> {
  const last = await readProgress(link, place, signal);
  const { mode: before, final, epoch } = last?.record ?? { mode, epoch: 0 };
  const claim = `Nats-Expected-Last-Subject-Sequence: ${last?.seq ?? 0}\r\n`;
  if (before !== "chain" || final === true) return { last, epoch, claim };
  return { last: (await readChain(link, place, signal)).last, epoch, claim };
}
