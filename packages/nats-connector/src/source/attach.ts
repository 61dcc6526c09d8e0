import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError, type Identity, isConnectorError, type Logger } from "@x/connector-api";
import { type Capabilities, readCapabilities } from "../capabilities.js";
import type { OpenConnection } from "../connection.js";
import { type AttachEvent, attachChannel } from "../diagnostics.js";
import type { ConsumerInfo, NamedConsumerConfig, StreamInfo } from "../jetstream/api.js";
import { consumerName } from "../jetstream/consumer-name.js";
import type { AckMode } from "../jetstream/position.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { removeLeftovers } from "./leftovers.js";
import { type Loss, lossError } from "./loss.js";
import { type ConsumerPlan, planConsumer } from "./plan-consumer.js";
import { findChange, type KnownPosition, lossUpTo, type ResolvedStart, resolveStart } from "./resolve-start.js";
import type { Split } from "./splits.js";

/** A consumer of our own, fresh, and what it starts after. */
export interface Attachment {
  readonly consumer: string;
  readonly stream: StreamInfo;
  readonly ackMode: AckMode;
  readonly ackCap: number | undefined;
  /** Most messages that the server lets a pull ask for; undefined for any number. */
  readonly maxBatch: number | undefined;
  readonly domain: string | undefined;
  /** Sequence before the first one the consumer delivers. */
  readonly startAfter: number;
  /** True when every position before `startAfter` is void: a first start, or one that `on_gap` sent elsewhere. */
  readonly startsOver: boolean;
  /** What `on_gap` lets pass. */
  readonly loss: Loss | undefined;
  readonly pending: number;
  /** A jump in the sequence up to here is normal. */
  readonly jumpsUntil: number;
  /** True where only the head of the stream tells of what went unread: a filtered split of a stream with limits. */
  readonly headTells: boolean;
  /** End of the first pass of `last_per_subject`; undefined for other policies and once it is over. */
  readonly passEnd: number | undefined;
  /** True when the first pass was begun by an earlier consumer, so that this one is for the rest of it only. */
  readonly resumesPass: boolean;
  /** Connection epoch in which it was made; under another one it is in doubt. */
  readonly connectionEpoch: number;
}

export interface AttachRequest {
  readonly connection: OpenConnection;
  readonly table: JetStreamSourceTable;
  readonly identity: Identity;
  readonly split: Split;
  /** 0 for the first attachment of this process. */
  readonly rebuild: number;
  /** Undefined on a first start, which takes the configured policy. */
  readonly known: KnownPosition | undefined;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** Another consumer reads the same messages of a work queue, or is one more than the stream or account may have. */
const IN_THE_WAY: ReadonlySet<unknown> = new Set([10099, 10100, 10026]);
const MAX_REPLACEMENTS = 5;
const REPLACEMENT_DELAY_MS = 100;
/** A consumer on a server that is down is removed without an answer. */
const REMOVAL_PATIENCE_MS = 500;

/**
 * Makes the consumer of this incarnation, then removes those of earlier ones: in this order, because the last consumer
 * of an interest stream takes the messages with it. A work queue allows only one, so there it is the other way round, and
 * so it is on a stream with limits retention that has no room for one more; nothing is lost then, since both keep what is
 * not acked. Rejects with coded errors; makes nothing twice.
 */
export async function attach(request: AttachRequest): Promise<Attachment> {
  const { connection, table, split, known, signal } = request;
  const { api, client, epoch: connectionEpoch, domain } = connection;
  const stream = await api.streamInfo(table.stream, signal);
  const capabilities = await readCapabilities(api, client, signal, stream);
  const resolved: ResolvedStart =
    known === undefined
      ? { start: { kind: "configured" }, loss: undefined, startsOver: true }
      : await resolveStart(api, table, stream, split.filters, known, signal);
  const plan = planOf(request, stream, capabilities, resolved);
  const isWorkQueue = stream.config.retention === "workqueue";
  const info = await create(request, plan.config, stream);
  if (info.delivered.consumer_seq !== 0) {
    throw new ConnectorError(
      "POSITION_LOST",
      `consumer "${plan.config.name}" is not fresh: somebody else uses its name`,
    );
  }
  const checked = await check(request, stream, plan, info, capabilities, resolved).catch(async (error: unknown) => {
    await api.deleteConsumer(table.stream, plan.config.name).catch(() => {});
    throw error;
  });
  if (!isWorkQueue) await Promise.race([removeOld(request), sleep(REMOVAL_PATIENCE_MS)]);
  const supersedes = (stream.config.max_msgs_per_subject ?? -1) > 0;
  const jumps = supersedes || split.filters.length > 0;
  if (supersedes && known !== undefined && checked.loss === undefined && info.delivered.stream_seq > known.cursor) {
    const range = { stream: table.stream, from: known.cursor + 1, to: info.delivered.stream_seq };
    request.logger.warn(range, "messages were superseded before they were read (max_msgs_per_subject)");
  }
  const startAfter = info.delivered.stream_seq;
  if (attachChannel.hasSubscribers) {
    const { identity, rebuild } = request;
    const where = { pipeline: identity.pipeline, stream: table.stream, split: split.name };
    attachChannel.publish({ ...where, consumer: plan.config.name, startAfter, rebuild } satisfies AttachEvent);
  }
  return {
    consumer: plan.config.name,
    stream,
    ackMode: plan.ackMode,
    ackCap: plan.ackCap,
    maxBatch: info.config.max_batch,
    domain,
    startAfter,
    startsOver: resolved.startsOver,
    ...checked,
    pending: info.num_pending,
    headTells:
      split.filters.length > 0 && stream.config.retention === "limits" && !supersedes && checked.passEnd === undefined,
    jumpsUntil: jumps ? Number.POSITIVE_INFINITY : (checked.passEnd ?? 0),
    resumesPass: known?.passEnd !== undefined && checked.passEnd !== undefined,
    connectionEpoch,
  };
}

function planOf(
  { table, identity, split, rebuild, known }: AttachRequest,
  stream: StreamInfo,
  capabilities: Capabilities,
  { start }: ResolvedStart,
): ConsumerPlan {
  const { pipeline, jobId, epoch } = identity;
  const request = {
    table,
    stream,
    capabilities,
    name: consumerName(identity, split.name, rebuild),
    filters: split.filters,
    labels: { pipeline, job: jobId, split: split.name, epoch: String(epoch) },
  };
  const plan = planConsumer({ ...request, start });
  // What was read and is in no durable checkpoint has to be acked by the new consumer, so it must be delivered again.
  if (start.kind !== "after" || known === undefined || plan.ackMode === "none") return plan;
  return planConsumer({ ...request, start: { kind: "after", sequence: Math.min(known.durable, start.sequence) } });
}

async function create(request: AttachRequest, config: NamedConsumerConfig, stream: StreamInfo): Promise<ConsumerInfo> {
  const { connection, table, signal } = request;
  const { retention } = stream.config;
  if (retention === "workqueue") return replace(request, config);
  try {
    return await connection.api.createConsumer(table.stream, config, signal);
  } catch (error) {
    if (retention !== "limits" || !isInTheWay(error)) throw error;
    return replace(request, config);
  }
}

/**
 * The old consumer of this job goes first. It may still be in the way for a moment, while its removal is under way here or
 * in the incarnation that is closing; a consumer of somebody else stays in the way.
 */
async function replace(request: AttachRequest, config: NamedConsumerConfig): Promise<ConsumerInfo> {
  const { connection, table, signal } = request;
  for (let attempt = 1; ; attempt++) {
    await removeOld(request);
    try {
      return await connection.api.createConsumer(table.stream, config, signal);
    } catch (error) {
      if (!isInTheWay(error) || attempt === MAX_REPLACEMENTS) throw error;
    }
    await abortable(sleep(REPLACEMENT_DELAY_MS), signal);
  }
}

function isInTheWay(error: unknown): boolean {
  return isConnectorError(error) && IN_THE_WAY.has(error.context.errCode);
}

function removeOld({
  connection,
  table,
  identity,
  split,
  rebuild,
  known,
  signal,
  logger,
}: AttachRequest): Promise<void> {
  const own = { identity, split: split.name, rebuild, lastKnown: known?.consumer };
  return removeLeftovers({ api: connection.api, stream: table.stream, ...own, signal, logger });
}

/** What only the server's answer tells: whether it understood, what is missing, where the first pass ends. */
async function check(
  request: AttachRequest,
  stream: StreamInfo,
  plan: ConsumerPlan,
  info: ConsumerInfo,
  capabilities: Capabilities,
  resolved: ResolvedStart,
): Promise<Pick<Attachment, "loss" | "passEnd">> {
  const { connection, table, split, known, signal } = request;
  checkEcho(stream, plan.config, info, capabilities);
  const startAfter = info.delivered.stream_seq;
  const now = await connection.api.streamInfo(table.stream, signal);
  await checkUnchanged(request, stream, now, resolved);
  if (resolved.start.kind === "last-per-subject") return { loss: undefined, passEnd: known?.passEnd };
  if (known === undefined) {
    if (table.deliver.policy !== "last_per_subject") return { loss: undefined, passEnd: undefined };
    // Read behind the creation: whatever came in between is part of the pass, too.
    return { loss: undefined, passEnd: now.state.last_seq };
  }
  if (resolved.startsOver) return { loss: passedOver(resolved.loss, known, startAfter), passEnd: undefined };
  const loss = gapBefore(split.filters, now, known, startAfter);
  if (loss !== undefined && table.onGap === "fail") throw lossError(loss);
  // It went between two questions: the next attempt sees it first.
  if (loss !== undefined && table.onGap === "latest") throw new ConnectorError("POSITION_LOST", loss.text);
  return { loss, passEnd: undefined };
}

/**
 * The stream may have been made again, or put back, between the look at it and the creation: the consumer would wait in
 * another stream for the sequence behind the old position. The next attempt sees it first.
 */
async function checkUnchanged(
  { connection, table, known, signal }: AttachRequest,
  before: StreamInfo,
  now: StreamInfo,
  { startsOver }: ResolvedStart,
): Promise<void> {
  const isContinued =
    known === undefined || startsOver || (await findChange(connection.api, now, known, signal)) === undefined;
  if (now.created === before.created && isContinued) return;
  throw new ConnectorError("POSITION_LOST", `stream "${table.stream}" changed while its consumer was made`);
}

/** The create answer says, in one step with the creation, where delivery begins: later than asked is an exact gap. */
function gapBefore(
  filters: readonly string[],
  now: StreamInfo,
  known: KnownPosition,
  startAfter: number,
): Loss | undefined {
  // A filtered consumer may begin later because nothing before is for it.
  const gone = filters.length === 0 ? startAfter : Math.min(startAfter, now.state.first_seq - 1);
  return lossUpTo(now, filters, known, gone);
}

/** With its range, now that it is known where reading starts over. */
function passedOver(loss: Loss | undefined, { seen }: KnownPosition, startAfter: number): Loss | undefined {
  if (loss === undefined) return undefined;
  const from = loss.code === "DATA_GAP" ? seen + 1 : 1;
  const range = startAfter < from ? undefined : { from, to: startAfter };
  return { ...loss, range, text: `${loss.text}; reading goes on behind ${startAfter}` };
}

/** Old servers drop what they do not know: what came back must be what was asked. */
function checkEcho(
  { config: { name, subjects = [] } }: StreamInfo,
  asked: NamedConsumerConfig,
  { config }: ConsumerInfo,
  { version }: Capabilities,
): void {
  const wanted = filtersOf(asked);
  const got = filtersOf(config);
  // A filter for all there is may come back as none.
  const isAll = wanted.length === 1 && (wanted[0] === ">" || (subjects.length === 1 && wanted[0] === subjects[0]));
  const filtersKept = [...got].sort().join() === [...wanted].sort().join() || (isAll && got.length === 0);
  if (filtersKept && config.ack_policy === asked.ack_policy && config.replay_policy === asked.replay_policy) return;
  throw new ConnectorError(
    "CAPABILITY_MISSING",
    `server ${version} did not keep the consumer of stream "${name}" as it was asked for: filters ${wanted.join(", ") || "none"} became ${got.join(", ") || "none"}, ack policy ${asked.ack_policy} became ${config.ack_policy}`,
    { context: { wanted, got } },
  );
}

function filtersOf({ filter_subject, filter_subjects }: Partial<NamedConsumerConfig>): readonly string[] {
  return filter_subjects ?? (filter_subject === undefined || filter_subject === "" ? [] : [filter_subject]);
}
