import type { ConnectorError, SourcePosition } from "@x/connector-api";
import type { Attached } from "../sink/sink-operator.js";
import { coversSubject } from "../sink/subject-match.js";
import { BATCH_HEADER_BYTES, MAX_BATCH } from "./atomic-batch.js";
import { AtomicCommitter } from "./atomic-committer.js";
import { AtomicLane } from "./atomic-lane.js";
import { AtomicPublisher } from "./atomic-publisher.js";
import { claimLane } from "./claim-lane.js";
import type { ExactlyOnceSetting, ExactlyOnceTarget } from "./exactly-once-setting.js";
import { readStage } from "./read-stage.js";
import { roomForStage } from "./stage.js";
import { watchTarget } from "./watch-target.js";

/** Server memory and one write to its store bound a batch in bytes. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** Claims every split and gives each a lane of its own. */
export async function openAtomic(
  setting: ExactlyOnceSetting,
  { config, progress }: ExactlyOnceTarget,
): Promise<Attached> {
  const { link, table, subject: pattern, context, origin, encoder } = setting;
  const { maxInFlight, maxInFlightBytes, ackTimeoutMs, stream } = table;
  const { logger, deterministic = false } = context;
  const stop = new AbortController();
  const subjects = new Set(progress.values());
  const ownsSubject = (subject: string): boolean => subjects.has(subject) || coversSubject(pattern, subject);
  const publisher = new AtomicPublisher({ link, stream, maxInFlight, maxInFlightBytes, ownsSubject, stop });
  const committed = new Map<string, SourcePosition>();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  try {
    for (const [split, subject] of progress) {
      const { place, claim } = await claimLane(setting, { split, subject, mode: "atomic", config, signal });
      const unfinished = await readStage(link, place, claim, signal);
      const { position } = unfinished ?? claim.progress;
      if (position !== null) committed.set(split, position);
      const watch = watchTarget(setting, subject, (error) => publisher.fail(error));
      const refuse = (error: ConnectorError, payload: Uint8Array): void => encoder.refuse(error, { payload });
      const lane = new AtomicLane({
        split,
        committer: new AtomicCommitter({ link, place, config, claim, ackTimeoutMs, logger, refuse, watch, signal }),
        limits: { maxOutputs: Math.min(MAX_BATCH - 1, maxInFlight), maxBytes: MAX_BATCH_BYTES },
        start: claim.progress,
        origin,
        deterministic,
        unfinished,
        room: roomForStage(link, place, config, claim),
        backlog: publisher.backlog,
        committed: (outputs) => {
          context.counters.rowsOut += outputs;
        },
        failed: (error) => publisher.fail(error),
      });
      publisher.addLane(split, lane);
      lane.finishStage();
    }
  } catch (error) {
    publisher.close();
    throw error;
  }
  return { publisher, committed, addedBytes: BATCH_HEADER_BYTES };
}
