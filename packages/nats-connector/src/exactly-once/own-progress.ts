import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { type Claim, fenced, type ProgressPlace, readProgressPatiently, type StoredProgress } from "./progress-log.js";

const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 2000;
/** Reads in a row that miss what was there before one believes that it is gone. */
const STALE_READS = 5;

export interface OwnedSplit {
  readonly link: OpenConnection;
  readonly place: ProgressPlace;
  readonly claim: Pick<Claim, "epoch">;
  readonly signal: AbortSignal;
}

/**
 * The progress of a split that this instance has claimed, as the stream's leader has it; `known` is the sequence of the
 * last record known to be stored. However long nobody answers. Rejects with FENCED when somebody else has claimed the
 * split since, and with PROGRESS_MISMATCH when progress is gone.
 */
export async function readOwnProgress(
  { link, place, claim, signal }: OwnedSplit,
  known: number,
): Promise<StoredProgress> {
  for (let attempt = 0; ; attempt++) {
    const stored = await readProgressPatiently(link, place, signal);
    // A deposed leader that does not know it yet may answer with what was true before.
    if (stored !== undefined && stored.seq >= known) {
      const { record } = stored;
      const isMine = record.instanceId === place.identity.instanceId && record.epoch === claim.epoch;
      if (!isMine) throw fenced(place, claim.epoch, record);
      return stored;
    }
    if (attempt === STALE_READS) throw gone(place);
    await abortable(sleep(commitBackoffMs(attempt)), signal);
  }
}

/** Time before the next attempt to write progress. */
export function commitBackoffMs(attempt: number): number {
  return Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt);
}

function gone({ identity, subject, stream }: ProgressPlace): ConnectorError {
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `the progress of pipeline "${identity.pipeline}" on "${subject}" is gone from stream "${stream}" while it runs: the stream was purged, restored or made anew; start under a new name`,
    { context: { pipeline: identity.pipeline, stream, subject } },
  );
}
