import { ConnectorError } from "@x/connector-api";
import type { Capabilities } from "../capabilities.js";
import type { NamedConsumerConfig, StreamInfo } from "../jetstream/api.js";
import type { ConsumerConfig } from "../jetstream/consumer-config.js";
import type { AckMode } from "../jetstream/position.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { resolveAckMode } from "./resolve-ack-mode.js";

/** Where a consumer begins. */
export type ConsumerStart =
  /** As the table says: a first start. */
  | { readonly kind: "configured" }
  | { readonly kind: "after"; readonly sequence: number }
  /** With the first message stored at or after a time (RFC 3339). */
  | { readonly kind: "since"; readonly time: string }
  /** With the last message of each subject. */
  | { readonly kind: "last-per-subject" }
  /** At one of the stream's ends. */
  | { readonly kind: "first" }
  | { readonly kind: "next" };

export interface ConsumerRequest {
  readonly table: JetStreamSourceTable;
  readonly stream: StreamInfo;
  readonly capabilities: Capabilities;
  readonly name: string;
  /** Subjects to read; none means the whole stream. */
  readonly filters: readonly string[];
  readonly start: ConsumerStart;
  /** Kept with the consumer where the server can. */
  readonly labels: Readonly<Record<string, string>>;
}

/** The consumer of one split, as it is asked for. */
export interface ConsumerPlan {
  readonly config: NamedConsumerConfig;
  readonly ackMode: AckMode;
  /** Most messages that may be delivered and not acked; undefined for any number. */
  readonly ackCap: number | undefined;
}

const NANOSECONDS = 1_000_000;
const DEFAULT_ACK_WAIT_MS = 24 * 60 * 60 * 1000;
const DEFAULT_INACTIVE_THRESHOLD_MS = 5 * 60 * 1000;

/**
 * The exact configuration of the consumer that reads a split in order. Pure: by table, stream and server alone. Throws
 * CONSUMER_REFUSED, CAPABILITY_MISSING or OPTION_INVALID for what cannot be honoured, before anything is created.
 */
export function planConsumer(request: ConsumerRequest): ConsumerPlan {
  const { table, stream, capabilities, name } = request;
  const ackMode = resolveAckMode(table, stream, capabilities);
  const common = { ...consumerBasics(request), ...startOf(request), ack_policy: ackMode, max_deliver: -1 } as const;
  const threshold = inactiveThreshold(table, stream, ackMode);
  if (ackMode === "none") {
    return { config: { num_replicas: 1, ...common, mem_storage: true, ...threshold }, ackMode, ackCap: undefined };
  }
  const ackCap = ackCapOf(table, stream, capabilities);
  const config = {
    ...common,
    ...threshold,
    durable_name: name,
    ack_wait: (table.ackWaitMs ?? DEFAULT_ACK_WAIT_MS) * NANOSECONDS,
    max_deliver: table.maxDeliver ?? -1,
    max_ack_pending: ackCap ?? -1,
  };
  return { config, ackMode, ackCap };
}

const SHARED_ACK_WAIT_MS = 30_000;

/**
 * The consumer of `ordering = 'none'`, which every process of a pipeline pulls from: each message is acked by itself, and
 * what a process leaves unacked goes to another one after a short while. Pure; throws as `planConsumer` does.
 */
export function planSharedConsumer(request: Omit<ConsumerRequest, "filters">): ConsumerPlan {
  const { table, stream, capabilities, name } = request;
  const ackCap = ackCapOf(table, stream, capabilities);
  const config: NamedConsumerConfig = {
    ...consumerBasics({ ...request, filters: table.filterSubjects }),
    ...startOf({ ...request, filters: table.filterSubjects }),
    ...inactiveThreshold(table, stream, "explicit"),
    durable_name: name,
    ack_policy: "explicit",
    ack_wait: (table.ackWaitMs ?? SHARED_ACK_WAIT_MS) * NANOSECONDS,
    max_deliver: table.maxDeliver ?? -1,
    max_ack_pending: ackCap ?? -1,
  };
  return { config, ackMode: "explicit", ackCap };
}

/**
 * Throws CONSUMER_REFUSED for a number of replicas that cannot be, or that would make the consumer of an interest or
 * work-queue stream less safe than what it decides about. Servers from 2.10 on say the same.
 */
export function checkReplicas({ numReplicas: asked }: JetStreamSourceTable, { config }: StreamInfo): void {
  const { retention, num_replicas: replicas, name } = config;
  if (asked === undefined || (retention === "limits" ? asked <= replicas : asked === replicas)) return;
  throw new ConnectorError(
    "CONSUMER_REFUSED",
    `consumer.num_replicas is ${asked} and stream "${name}" has ${replicas} (${retention} retention); leave it out`,
    { context: { asked, replicas } },
  );
}

/** What does not depend on how the consumer acks. */
function consumerBasics({ table, stream, capabilities, name, filters, labels }: ConsumerRequest) {
  checkReplicas(table, stream);
  if (filters.length > 1 && !capabilities.severalFilters) {
    throw new ConnectorError(
      "CAPABILITY_MISSING",
      `consumer.filter_subjects = '${filters.join(", ")}': several filters on one consumer need server 2.10, and stream "${stream.config.name}" is kept by ${capabilities.version}; give one, or partition.filters for a consumer each`,
      { context: { filters, version: capabilities.version } },
    );
  }
  // The server takes the last message of each subject only for a filter.
  const needsFilter = table.deliver.policy === "last_per_subject" && filters.length === 0;
  const one = needsFilter ? ">" : filters.length === 1 ? filters[0] : undefined;
  return {
    name,
    replay_policy: table.replayPolicy,
    ...(one === undefined ? {} : { filter_subject: one }),
    ...(filters.length > 1 ? { filter_subjects: filters } : {}),
    ...(table.description === undefined ? {} : { description: table.description }),
    ...(table.maxWaiting === undefined ? {} : { max_waiting: table.maxWaiting }),
    ...(table.sampleFrequency === undefined ? {} : { sample_freq: `${table.sampleFrequency}%` }),
    ...(table.numReplicas === undefined ? {} : { num_replicas: table.numReplicas }),
    ...(capabilities.consumerMetadata ? { metadata: labels } : {}),
  };
}

/** The lowest limit on unacked messages; undefined for none. Throws for a wish beyond what stream or account allow. */
function ackCapOf(
  { maxAckPending: wanted }: JetStreamSourceTable,
  { config }: StreamInfo,
  { maxAckPending: ofAccount }: Capabilities,
): number | undefined {
  const ofStream = config.consumer_limits?.max_ack_pending;
  const limits = [ofStream, ofAccount].filter((limit) => limit !== undefined && limit > 0) as number[];
  const allowed = limits.length === 0 ? undefined : Math.min(...limits);
  if (wanted !== undefined && allowed !== undefined && wanted > allowed) {
    const owner = allowed === ofStream ? `stream "${config.name}"` : "the account";
    throw new ConnectorError(
      "CONSUMER_REFUSED",
      `consumer.max_ack_pending = ${wanted}: ${owner} allows ${allowed}; leave it out to take that`,
      { context: { wanted, allowed } },
    );
  }
  return wanted ?? allowed;
}

/** When the server may remove a consumer that nobody pulls from: never where messages go with it. */
function inactiveThreshold(
  { inactiveThresholdMs: wantedMs }: JetStreamSourceTable,
  { config }: StreamInfo,
  ackMode: AckMode,
): Pick<ConsumerConfig, "inactive_threshold"> {
  const limit = config.consumer_limits?.inactive_threshold ?? 0;
  const refuse = (option: string, reason: string): never => {
    throw new ConnectorError("CONSUMER_REFUSED", `${option} on stream "${config.name}": ${reason}`);
  };
  if (config.retention === "interest") {
    const reason = "with interest retention, messages that were not read are deleted with the consumer";
    if (wantedMs !== undefined) refuse("consumer.inactive_threshold", `${reason}; leave it out`);
    if (limit > 0) refuse("the stream's consumer_limits.inactive_threshold", `${reason}; take that limit off`);
    return {};
  }
  if (wantedMs !== undefined && limit > 0 && wantedMs * NANOSECONDS > limit) {
    refuse("consumer.inactive_threshold", `the stream allows ${limit / NANOSECONDS} ms; leave it out to take that`);
  }
  if (wantedMs !== undefined) return { inactive_threshold: wantedMs * NANOSECONDS };
  if (ackMode !== "none") return {};
  const usual = DEFAULT_INACTIVE_THRESHOLD_MS * NANOSECONDS;
  return { inactive_threshold: limit > 0 ? Math.min(limit, usual) : usual };
}

function startOf({
  table,
  stream,
  start,
}: ConsumerRequest): Pick<ConsumerConfig, "deliver_policy" | "opt_start_seq" | "opt_start_time"> {
  if (stream.config.retention === "workqueue") {
    refuseOnWorkQueue(table);
    return { deliver_policy: "all" };
  }
  switch (start.kind) {
    case "configured":
      return configuredStart(table, stream);
    case "after":
      return { deliver_policy: "by_start_sequence", opt_start_seq: start.sequence + 1 };
    case "since":
      return { deliver_policy: "by_start_time", opt_start_time: start.time };
    case "last-per-subject":
      return { deliver_policy: "last_per_subject" };
    case "first":
      return { deliver_policy: "all" };
    case "next":
      return { deliver_policy: "new" };
  }
}

/** What a work queue holds is what has not been acked: nothing of it may be passed over. */
function refuseOnWorkQueue({ stream, deliver, onGap }: JetStreamSourceTable): void {
  const option =
    deliver.policy !== "all"
      ? `deliver_policy = '${deliver.policy}'`
      : onGap === "latest"
        ? "on_gap = 'latest'"
        : undefined;
  if (option === undefined) return;
  const remedy = deliver.policy !== "all" ? "'all'" : "'skip'";
  throw new ConnectorError(
    "CONSUMER_REFUSED",
    `${option} on work-queue stream "${stream}": it can only be read from its beginning, with ${remedy}`,
  );
}

/** The start that the table names. Throws OPTION_INVALID for one behind the end. */
function configuredStart(
  { deliver, stream: name }: JetStreamSourceTable,
  { state }: StreamInfo,
): Pick<ConsumerConfig, "deliver_policy" | "opt_start_seq" | "opt_start_time"> {
  switch (deliver.policy) {
    case "by_start_sequence":
      if (deliver.startSequence > state.last_seq + 1) {
        throw new ConnectorError(
          "OPTION_INVALID",
          `start_sequence = ${deliver.startSequence}: stream "${name}" ends at ${state.last_seq}`,
        );
      }
      return { deliver_policy: "by_start_sequence", opt_start_seq: deliver.startSequence };
    case "by_start_time":
      return { deliver_policy: "by_start_time", opt_start_time: deliver.startTime };
    default:
      return { deliver_policy: deliver.policy };
  }
}
