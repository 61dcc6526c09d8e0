import { ConnectorError, type SourcePosition } from "@x/connector-api";
import { openAckedPublisher } from "../sink/open-acked-publisher.js";
import type { Attached } from "../sink/sink-operator.js";
import { readSinkStream } from "../sink/target-stream.js";
import { claimLane } from "./claim-lane.js";
import { DedupeWindow } from "./dedupe-window.js";
import type { ExactlyOnceSetting, ExactlyOnceTarget } from "./exactly-once-setting.js";
import { FencedLane } from "./fenced-lane.js";
import { FENCED_HEADER_BYTES, FencedPublisher } from "./fenced-publisher.js";
import type { Claim, ProgressPlace } from "./progress-log.js";
import { readBehind } from "./read-behind.js";
import { readStage } from "./read-stage.js";
import { roomForStage, type Stage } from "./stage.js";
import { StageCollector } from "./stage-collector.js";
import { watchTarget } from "./watch-target.js";

/** Claims every split, and reads what earlier runs have written beyond their progress. */
export async function openFenced(
  setting: ExactlyOnceSetting,
  { config, domain, progress }: ExactlyOnceTarget,
): Promise<Attached> {
  const { link, table, subject: pattern, context, origin, encoder } = setting;
  const { maxInFlight, maxInFlightBytes, ackTimeoutMs, stream } = table;
  const { logger, deterministic = false } = context;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const window = new DedupeWindow();
  const lanes = new Map<string, FencedLane>();
  const committed = new Map<string, SourcePosition>();
  const unfinished: { readonly lane: FencedLane; readonly stage: Stage }[] = [];
  let names = 0;
  let gone = (error: ConnectorError): void => stop.abort(error);
  for (const [split, subject] of progress) {
    const { place, claim } = await claimLane(setting, { split, subject, mode: "fenced-msgid", config, signal });
    const behind = { link, place, claim, origin, window, signal };
    const stored = await readBehind({ ...behind, open: claim.record.open ?? {}, fence: claim.seq });
    const { staged } = claim.progress;
    const ofStage = [...stored].filter((output) => staged !== undefined && output.startsWith(`${staged.input}:`));
    if (stored.size > ofStage.length) assertSameKind(place, claim, deterministic);
    const stage = await readStage(link, place, claim, signal, ofStage.length);
    const { position } = stage ?? claim.progress;
    if (position !== null) committed.set(split, position);
    logger.debug({ split, stored: stored.size }, "looked for outputs beyond the position");
    const watch = watchTarget(setting, subject, (error) => gone(error));
    const room = roomForStage(link, place, config, claim);
    const lane = new FencedLane({ ...behind, config, deterministic, ackTimeoutMs, watch, stored, room });
    lanes.set(split, lane);
    if (stage !== undefined) unfinished.push({ lane, stage });
    names = Math.max(names, subject.length + split.length + (claim.record.ids?.length ?? 0));
  }
  const acked = await openAckedPublisher(
    {
      ...{ link, stream, domain, maxInFlight, maxInFlightBytes, ackTimeoutMs, context },
      // With replicas the server checks one such message at a time.
      maxUnderWay: config.num_replicas > 1 ? 1 : undefined,
      refuse: (error: ConnectorError, payload) => encoder.refuse(error, { payload }),
      checkStream: async () => void (await readSinkStream(link.api, table, pattern)),
      // The fence has moved, or seemed to: what is stored is read before anything is sent again.
      async countStored() {
        await Promise.all([...lanes.values()].map((lane) => lane.assertMine()));
        return 0;
      },
      async renew() {
        // One after the other: the record of a lane may replace one that lies where another reads.
        for (const lane of lanes.values()) await lane.renew();
        return (given) =>
          [...lanes.values()].reduce<Uint8Array | undefined>(
            (headers, lane) => headers && lane.renewed(headers),
            given,
          );
      },
    },
    signal,
  );
  const together = deterministic ? undefined : new StageCollector(origin.sequenceOf);
  const publisher = new FencedPublisher({ acked, lanes, stop, together });
  gone = (error) => publisher.fail(error);
  for (const { lane, stage } of unfinished) publisher.finishStage(lane, stage);
  return { publisher, committed, addedBytes: FENCED_HEADER_BYTES + stream.length + names };
}

/** Whether an output found behind the progress is all of its input is known by what had written it. */
function assertSameKind({ identity, stream, subject }: ProgressPlace, { record }: Claim, deterministic: boolean): void {
  if ((record.open?.whole === true) === !deterministic) return;
  const [was, is] = deterministic ? ["not deterministic", "is"] : ["deterministic", "is not"];
  throw new ConnectorError(
    "PROGRESS_MISMATCH",
    `pipeline "${identity.pipeline}" was stopped by force while its transform was ${was}, and now it ${is}, so what it had written of an input cannot be taken up: let it run once more as it was, and end it by a signal`,
    { context: { pipeline: identity.pipeline, stream, subject } },
  );
}
