import { isConnectorError, type SourcePosition } from "@x/connector-api";
import { openAckedPublisher } from "../sink/open-acked-publisher.js";
import type { Attached } from "../sink/sink-operator.js";
import { chooseGuard } from "./chain-guard.js";
import { countChain, markBroken, readChain } from "./chain-log.js";
import { CHAIN_HEADER_BYTES, CHAIN_SLACK, ChainPublisher, STAGED_HEADER_BYTES } from "./chain-publisher.js";
import type { ExactlyOnceSetting, ExactlyOnceTarget } from "./exactly-once-setting.js";
import { claimSplit, type Outlook, progressHeaders } from "./progress-log.js";
import { readStage } from "./read-stage.js";
import { Resumption } from "./resumption.js";
import { roomForStage } from "./stage.js";
import { checkTarget } from "./watch-target.js";

/** Claims the one split there is by the first message of its chain. */
export async function openChain(setting: ExactlyOnceSetting, target: ExactlyOnceTarget): Promise<Attached> {
  const { link, table, context, origin } = setting;
  const { config, domain, progress, server } = target;
  const { maxInFlight, maxInFlightBytes, ackTimeoutMs, stream } = table;
  const { identity, logger, restored, deterministic = false, signal } = context;
  const [[split, subject] = ["", ""]] = progress;
  const place = { stream, subject, split, source: origin.stream, identity };
  const guard = chooseGuard(server, config, subject, identity.instanceId);
  const look = async (signal: AbortSignal): Promise<Outlook> => {
    const { last, lastSeq, claimed } = await readChain(link, place, signal);
    const epoch = Math.max(last?.record.epoch ?? 0, claimed?.record.epoch ?? 0);
    return {
      last,
      epoch,
      claim: `${guard.ofClaim(epoch + 1)}Nats-Expected-Last-Sequence: ${lastSeq}\r\n`,
      // Comes between the messages of a chain that is under way, and ends it.
      bid: `Nats-Expected-Last-Subject-Sequence: ${claimed?.seq ?? 0}\r\n`,
    };
  };
  const hasCheckpoint = restored?.has(split) === true;
  const claim = await claimSplit({ link, place, config, mode: "chain", look, hasCheckpoint, ackTimeoutMs, signal });
  const resumption = new Resumption(split, claim.progress.part, origin, deterministic);
  const unfinished = await readStage(link, place, claim, signal);
  const { position } = unfinished ?? claim.progress;
  logger.debug({ split, position, epoch: claim.epoch }, "claimed a split");
  const acked = await openAckedPublisher(
    {
      ...{ link, stream, domain, maxInFlight, maxInFlightBytes, ackTimeoutMs, context, slack: CHAIN_SLACK },
      maxUnderWay: guard.maxUnderWay,
      // Without one message no other of the chain can be stored, so none can be left out.
      refuse: (error) => {
        throw error;
      },
      checkStream: () => checkTarget(setting, subject),
      async countStored(n) {
        try {
          return await countChain(link, place, claim, n, signal, guard.holdsProgress);
        } catch (error) {
          if (isConnectorError(error) && error.code === "OPTION_CONFLICT") await markBroken(link, place, claim.epoch);
          throw error;
        }
      },
    },
    signal,
  );
  const names = 2 * stream.length + 2 * subject.length + identity.pipeline.length + split.length;
  return {
    publisher: new ChainPublisher({
      ...{ acked, place, claim, resumption, guard, origin, deterministic, unfinished },
      progressHeaders: (staged) => progressHeaders(config, staged),
      room: roomForStage(link, place, config, claim),
    }),
    committed: new Map<string, SourcePosition>(position === null ? [] : [[split, position]]),
    addedBytes: CHAIN_HEADER_BYTES + (deterministic ? 0 : STAGED_HEADER_BYTES) + names,
  };
}
