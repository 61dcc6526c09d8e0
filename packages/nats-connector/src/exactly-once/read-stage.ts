import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { StoredMessage } from "../jetstream/api.js";
import type { Claim, ProgressPlace } from "./progress-log.js";
import { chunkBehind, parseProgress, type Staged } from "./progress-record.js";
import { Stage } from "./stage.js";

/** A new leader may not have all of it at once. */
const READS = 4;
const RETRY_MS = 100;

/**
 * The stage that a claim has found unfinished, as the stream's leader has it; undefined when there is none, or when it is
 * gone and nothing of it was published: then the transform may run again. Rejects with PROGRESS_MISMATCH when it is
 * gone and some of its outputs are in the stream. `found`: how many are, where progress does not say; removed ones may
 * have been there as well.
 */
export async function readStage(
  link: OpenConnection,
  place: ProgressPlace,
  { progress: { staged } }: Claim,
  signal: AbortSignal,
  found?: number,
): Promise<Stage | undefined> {
  if (staged === undefined) return undefined;
  for (let read = 1; ; read++) {
    const pieces = await readPieces(link, place, staged, signal);
    if (pieces !== undefined) return Stage.found(staged, Buffer.concat(pieces));
    if (read === READS) break;
    await abortable(sleep(RETRY_MS), signal);
  }
  if (found === undefined && staged.shown === 0) return undefined;
  throw stageGone(place, staged, found ?? staged.shown);
}

/** Undefined when one is missing. */
async function readPieces(
  link: OpenConnection,
  { stream, subject }: ProgressPlace,
  { first = 0, chunks, input }: Staged,
  signal: AbortSignal,
): Promise<Uint8Array[] | undefined> {
  const pieces: Uint8Array[] = [];
  for (let seq = first; pieces.length < chunks; ) {
    const message = await link.api.getMessage(stream, { seq, next_by_subj: subject }, signal);
    const piece = message && pieceOf(message, pieces.length + 1, input);
    if (message === undefined || piece === undefined || (pieces.length === 0 && message.seq !== first))
      return undefined;
    pieces.push(piece);
    seq = message.seq + 1;
  }
  return pieces;
}

function pieceOf({ seq, subject, payload }: StoredMessage, number: number, input: number): Uint8Array | undefined {
  const { staged } = parseProgress(payload, `message ${seq} on "${subject}"`);
  return staged?.written === number && staged.input === input ? chunkBehind(payload) : undefined;
}

function stageGone(
  { stream, subject, split, identity }: ProgressPlace,
  { input, chunks, first = 0 }: Staged,
  shown: number,
): ConnectorError {
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `pipeline "${identity.pipeline}" was stopped when ${shown} outputs of input ${input} were written (by a chain maybe of some before it that were staged with it), and the rest was to come from ${chunks} messages on "${subject}" (from ${first} on), of which some were removed from stream "${stream}" (by max_age, another limit or a purge): the transform would now give other rows. Take those ${shown} outputs out and start under a new name with deliver_policy = 'by_start_sequence' at the input of the first of them, or complete them by hand and start behind input ${input}; allow_msg_ttl on the stream keeps them from max_age`,
    { context: { pipeline: identity.pipeline, stream, subject, split, sequence: input, shown, first, chunks } },
  );
}
