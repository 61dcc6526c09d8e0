import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError, type Identity, isConnectorError, type Logger } from "@x/connector-api";
import { type Capabilities, readCapabilities } from "../capabilities.js";
import type { ConsumerInfo, NamedConsumerConfig, StreamInfo } from "../jetstream/api.js";
import type { ConsumerConfig } from "../jetstream/consumer-config.js";
import { consumerName, isOutdated } from "../jetstream/consumer-name.js";
import type { AckMode } from "../jetstream/position.js";
import type { OpenConnection } from "../open-connection.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { type KnownStream, resolveAckMode, resolveStream } from "./resolve-stream.js";
import { gap } from "./split-reader.js";

/** A consumer of our own, fresh, and what it starts after. */
export interface Attachment {
  readonly consumer: string;
  readonly stream: StreamInfo;
  readonly ackMode: AckMode;
  readonly domain: string | undefined;
  /** Sequence before the first one the consumer delivers. */
  readonly startAfter: number;
  readonly pending: number;
  /** True when a jump in the sequence is normal. */
  readonly jumpsByDesign: boolean;
  /** Connection epoch in which it was made; under another one it is in doubt. */
  readonly connectionEpoch: number;
}

export interface AttachRequest {
  readonly connection: OpenConnection;
  readonly table: JetStreamSourceTable;
  readonly identity: Identity;
  readonly split: string;
  /** 0 for the first attachment of this process. */
  readonly rebuild: number;
  /** Undefined on a first start, which takes the configured policy. */
  readonly known:
    | (KnownStream & {
        /** Everything up to here has been read, or is known to be for others. */
        readonly cursor: number;
        /** Everything up to here is in a durable checkpoint: an acking consumer starts behind it. */
        readonly durable: number;
        /** Consumer of the state, when nobody may list consumers. */
        readonly consumer: string | undefined;
      })
    | undefined;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

const NANOSECONDS = 1_000_000;
/** Another consumer reads the same messages of a work queue. */
const OVERLAPS: ReadonlySet<unknown> = new Set([10099, 10100]);
const MAX_REPLACEMENTS = 5;
const REPLACEMENT_DELAY_MS = 100;

/**
 * Makes the consumer of this incarnation, then removes those of earlier ones: in this order, because the last consumer
 * of an interest stream takes the messages with it. A work queue allows only one, so there it is the other way round;
 * nothing is lost then, since a work queue keeps what is not acked. Rejects with coded errors; makes nothing twice.
 */
export async function attach(request: AttachRequest): Promise<Attachment> {
  const { connection, table, known, signal } = request;
  const { api, client, epoch: connectionEpoch } = connection;
  const stream = await resolveStream(api, table.stream, known, signal);
  const capabilities = await readCapabilities(api, client, signal);
  const ackMode = resolveAckMode(table, stream, capabilities);
  const config = describeConsumer(request, stream, ackMode, capabilities);
  const isWorkQueue = stream.config.retention === "workqueue";
  const info = isWorkQueue
    ? await replaceOnWorkQueue(request, config)
    : await api.createConsumer(table.stream, config, signal);
  await checkEcho(request, stream, config, info, capabilities);
  const startAfter = info.delivered.stream_seq;
  if (known !== undefined) await checkGap(request, stream, startAfter);
  if (!isWorkQueue) await removeOutdated(request);
  return {
    consumer: config.name,
    stream,
    ackMode,
    domain: connection.domain,
    startAfter,
    pending: info.num_pending,
    jumpsByDesign:
      table.filterSubjects.length > 0 ||
      stream.config.retention === "workqueue" ||
      (stream.config.max_msgs_per_subject ?? -1) > 0,
    connectionEpoch,
  };
}

/**
 * A work queue has one consumer at a time: the old one of this job goes first. It may still be in the way for a moment,
 * while its removal is under way here or in the incarnation that is closing; a consumer of somebody else stays in the way.
 */
async function replaceOnWorkQueue(request: AttachRequest, config: NamedConsumerConfig): Promise<ConsumerInfo> {
  const { connection, table, signal } = request;
  for (let attempt = 1; ; attempt++) {
    await removeOutdated(request);
    try {
      return await connection.api.createConsumer(table.stream, config, signal);
    } catch (error) {
      const inTheWay = isConnectorError(error) && OVERLAPS.has(error.context.errCode);
      if (!inTheWay || attempt === MAX_REPLACEMENTS) throw error;
    }
    await abortable(sleep(REPLACEMENT_DELAY_MS), signal);
  }
}

function describeConsumer(
  request: AttachRequest,
  stream: StreamInfo,
  ackMode: AckMode,
  capabilities: Capabilities,
): NamedConsumerConfig {
  const { table, identity, split } = request;
  const name = consumerName(identity, split, request.rebuild);
  const { filterSubjects: filters } = table;
  const common = {
    name,
    ...startOf(request, stream, ackMode),
    ack_policy: ackMode,
    replay_policy: "instant",
    max_deliver: -1,
    ...(filters.length === 1 && filters[0] !== undefined ? { filter_subject: filters[0] } : {}),
    ...(filters.length > 1 ? { filter_subjects: filters } : {}),
    ...(table.description === undefined ? {} : { description: table.description }),
    ...(table.maxWaiting === undefined ? {} : { max_waiting: table.maxWaiting }),
    ...(table.sampleFrequency === undefined ? {} : { sample_freq: `${table.sampleFrequency}%` }),
    ...(table.numReplicas === undefined ? {} : { num_replicas: table.numReplicas }),
    ...(capabilities.consumerMetadata
      ? { metadata: { pipeline: identity.pipeline, job: identity.jobId, split, epoch: String(identity.epoch) } }
      : {}),
  } as const;
  if (ackMode === "none") {
    const inactive_threshold = table.inactiveThresholdMs * NANOSECONDS;
    return { num_replicas: 1, ...common, mem_storage: true, inactive_threshold };
  }
  // Durable and without inactive_threshold: on interest streams its expiry would lose data.
  return {
    ...common,
    durable_name: name,
    ack_wait: table.ackWaitMs * NANOSECONDS,
    max_ack_pending: -1,
  };
}

function startOf(
  { table, known }: AttachRequest,
  stream: StreamInfo,
  ackMode: AckMode,
): Pick<ConsumerConfig, "deliver_policy" | "opt_start_seq" | "opt_start_time"> {
  if (stream.config.retention === "workqueue") {
    if (table.deliver.policy === "all") return { deliver_policy: "all" };
    throw new ConnectorError(
      "CONSUMER_REFUSED",
      `deliver_policy = '${table.deliver.policy}' on work-queue stream "${table.stream}": it can only be read from its beginning, with 'all'`,
    );
  }
  if (known !== undefined) {
    const after = ackMode === "none" ? known.cursor : Math.min(known.durable, known.cursor);
    return { deliver_policy: "by_start_sequence", opt_start_seq: after + 1 };
  }
  switch (table.deliver.policy) {
    case "by_start_sequence":
      if (table.deliver.startSequence > stream.state.last_seq + 1) {
        throw new ConnectorError(
          "OPTION_INVALID",
          `start_sequence = ${table.deliver.startSequence}: stream "${table.stream}" ends at ${stream.state.last_seq}`,
        );
      }
      return { deliver_policy: "by_start_sequence", opt_start_seq: table.deliver.startSequence };
    case "by_start_time":
      return { deliver_policy: "by_start_time", opt_start_time: table.deliver.startTime };
    default:
      return { deliver_policy: table.deliver.policy };
  }
}

/** Old servers drop what they do not know: what came back must be what was asked. */
async function checkEcho(
  { connection, table, signal }: AttachRequest,
  stream: StreamInfo,
  asked: NamedConsumerConfig,
  info: ConsumerInfo,
  capabilities: Capabilities,
): Promise<void> {
  const wanted = table.filterSubjects;
  const { filter_subjects, filter_subject } = info.config;
  const got = filter_subjects ?? (filter_subject === undefined || filter_subject === "" ? [] : [filter_subject]);
  const subjects = stream.config.subjects ?? [];
  const isWholeStream = wanted.length === 1 && subjects.length === 1 && wanted[0] === subjects[0];
  const filtersKept = [...got].sort().join() === [...wanted].sort().join() || (isWholeStream && got.length === 0);
  if (filtersKept && info.config.ack_policy === asked.ack_policy) {
    if (info.delivered.consumer_seq === 0) return;
    throw new ConnectorError("POSITION_LOST", `consumer "${asked.name}" is not fresh: somebody else uses its name`);
  }
  await connection.api.deleteConsumer(table.stream, asked.name, signal);
  throw new ConnectorError(
    "CAPABILITY_MISSING",
    `server ${capabilities.version} did not keep consumer.filter_subjects = '${wanted.join(", ")}'; several filters need 2.10`,
    { context: { wanted, got } },
  );
}

/** The create answer says, in one step with the creation, where delivery begins: later than asked is an exact gap. */
async function checkGap(
  { connection, table, known, signal, logger }: AttachRequest,
  stream: StreamInfo,
  startAfter: number,
): Promise<void> {
  if (known === undefined || stream.config.retention === "workqueue") return;
  let missingTo = startAfter;
  // A filtered consumer may begin later because nothing before is for it.
  if (table.filterSubjects.length > 0 && startAfter > known.cursor) {
    const { state } = await connection.api.streamInfo(table.stream, signal);
    missingTo = Math.min(startAfter, state.first_seq - 1);
  }
  if (missingTo <= known.cursor) return;
  if ((stream.config.max_msgs_per_subject ?? -1) > 0) {
    const range = { from: known.cursor + 1, to: missingTo };
    logger.warn(range, "messages were superseded, or removed, before they were read (max_msgs_per_subject)");
    return;
  }
  throw gap(known.cursor + 1, missingTo);
}

/** Best effort: what cannot be removed now is found again at the next start. */
async function removeOutdated(request: AttachRequest): Promise<void> {
  const { connection, table, identity, split, rebuild, known, signal, logger } = request;
  const { api } = connection;
  try {
    const names = await api.consumerNames(table.stream, signal).catch((error: unknown) => {
      if (!isConnectorError(error) || error.code !== "PERMISSION_DENIED") throw error;
      return known?.consumer === undefined ? [] : [known.consumer];
    });
    for (const name of names) {
      if (!isOutdated(name, identity, split, rebuild)) continue;
      await api.deleteConsumer(table.stream, name, signal);
      logger.debug({ stream: table.stream, consumer: name }, "removed a consumer of an earlier incarnation");
    }
  } catch (error) {
    if (signal.aborted) throw error;
    logger.warn({ stream: table.stream, error: String(error) }, "could not remove consumers of earlier incarnations");
  }
}
