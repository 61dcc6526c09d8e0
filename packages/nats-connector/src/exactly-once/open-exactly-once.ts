import {
  ConnectorError,
  type SinkContext,
  type SinkEncoder,
  type SourceOrigin,
  type SourcePosition,
} from "@x/connector-api";
import { readCapabilities } from "../capabilities.js";
import type { StreamConfig } from "../jetstream/api.js";
import type { OpenConnection } from "../open-connection.js";
import type { Attached } from "../sink/sink-operator.js";
import { coversSubject } from "../sink/subject-match.js";
import { readTargetStream } from "../sink/target-stream.js";
import type { JetStreamSinkTable } from "../table-config.js";
import { BATCH_HEADER_BYTES, MAX_BATCH } from "./atomic-batch.js";
import { AtomicCommitter } from "./atomic-committer.js";
import { AtomicLane } from "./atomic-lane.js";
import { AtomicPublisher } from "./atomic-publisher.js";
import { type ExactlyOncePlan, planExactlyOnce } from "./plan-exactly-once.js";
import { claimSplit } from "./progress-log.js";

export interface ExactlyOnceSetting {
  readonly link: OpenConnection;
  readonly table: JetStreamSinkTable;
  /** Pattern of the subjects that outputs go to. */
  readonly subject: string;
  readonly context: SinkContext;
  readonly origin: SourceOrigin;
  readonly encoder: SinkEncoder;
}

/** Server memory and one write to its store bound a batch in bytes. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** Chooses the mode, claims every split of the source and reads where it stands. */
export async function openExactlyOnce(setting: ExactlyOnceSetting): Promise<Attached> {
  const { link, table, subject, context, origin } = setting;
  const { config } = await readTargetStream(link.api, table.stream, subject, "subject", context.signal);
  const server = await readCapabilities(link.api, link.client, context.signal);
  const { pipeline } = context.identity;
  const plan = planExactlyOnce({ table, pipeline, splits: origin.splits, stream: config, server });
  if (plan.mode === undefined) throw impossible(table.stream, plan);
  const { mode, because, progress, notes } = plan;
  if (mode !== "atomic") throw new ConnectorError("UNSUPPORTED", `exactly once by ${mode} comes in a later version`);
  context.logger.info(
    { stream: table.stream, mode, progress: [...progress.values()], notes },
    `exactly once: ${because}`,
  );
  return openAtomic(setting, config, progress);
}

async function openAtomic(
  setting: ExactlyOnceSetting,
  config: StreamConfig,
  progress: ReadonlyMap<string, string>,
): Promise<Attached> {
  const { link, table, subject: pattern, context, origin, encoder } = setting;
  const { maxInFlight, maxInFlightBytes, ackTimeoutMs, stream } = table;
  const { identity, logger, restored, deterministic = false } = context;
  const stop = new AbortController();
  const subjects = new Set(progress.values());
  const ownsSubject = (subject: string): boolean => subjects.has(subject) || coversSubject(pattern, subject);
  const publisher = new AtomicPublisher({ link, stream, maxInFlight, maxInFlightBytes, ownsSubject, stop });
  const committed = new Map<string, SourcePosition>();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  try {
    for (const [split, subject] of progress) {
      const place = { stream, subject, split, source: origin.stream, identity };
      const hasCheckpoint = restored?.has(split) === true;
      const claim = await claimSplit({ link, place, config, mode: "atomic", hasCheckpoint, ackTimeoutMs, signal });
      const { position } = claim.progress;
      if (position !== null) committed.set(split, position);
      logger.debug({ split, position, epoch: claim.epoch }, "claimed a split");
      const refuse = (error: ConnectorError, payload: Uint8Array): void => encoder.refuse(error, { payload });
      publisher.addLane(
        split,
        new AtomicLane({
          split,
          committer: new AtomicCommitter({ link, place, config, claim, ackTimeoutMs, logger, refuse, signal }),
          limits: { maxOutputs: Math.min(MAX_BATCH - 1, maxInFlight), maxBytes: MAX_BATCH_BYTES },
          start: claim.progress,
          origin,
          deterministic,
          backlog: publisher.backlog,
          committed: (outputs) => {
            context.counters.rowsOut += outputs;
          },
          failed: (error) => publisher.fail(error),
        }),
      );
    }
  } catch (error) {
    publisher.close();
    throw error;
  }
  const { max_msg_size = -1 } = config;
  return {
    publisher,
    committed,
    addedBytes: BATCH_HEADER_BYTES,
    ...(max_msg_size > 0 ? { maxMessageBytes: max_msg_size } : {}),
  };
}

function impossible(
  stream: string,
  { reasons, remedies }: Extract<ExactlyOncePlan, { mode: undefined }>,
): ConnectorError {
  return new ConnectorError(
    "CAPABILITY_MISSING",
    `delivery = 'exactly_once' is not possible into stream "${stream}": ${reasons.join("; ")}. What would make it possible: ${remedies.join("; ")}`,
    { context: { stream, reasons, remedies } },
  );
}
