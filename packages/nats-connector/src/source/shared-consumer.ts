import { isConnectorError, type Logger } from "@x/connector-api";
import { readCapabilities } from "../capabilities.js";
import type { OpenConnection } from "../connection.js";
import type { ConsumerInfo, NamedConsumerConfig, StreamInfo } from "../jetstream/api.js";
import { sharedConsumerName } from "../jetstream/consumer-name.js";
import type { SharedRecord } from "../jetstream/shared-record.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { type Loss, lossError } from "./loss.js";
import { type ConsumerStart, planSharedConsumer } from "./plan-consumer.js";
import { type KnownPosition, lossUpTo, resolveStart } from "./resolve-start.js";
import { lossOfShared } from "./shared-loss.js";

export interface SharedConsumerRequest {
  readonly connection: OpenConnection;
  readonly table: JetStreamSourceTable;
  readonly pipeline: string;
  /** What is known from before: everything up to its floor was acked. Undefined on a first start. */
  readonly known: Pick<SharedRecord, "created" | "floor" | "farthest"> | undefined;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** The consumer that the processes of a pipeline share, as it was found or made. */
export interface SharedConsumer {
  readonly info: ConsumerInfo;
  readonly stream: StreamInfo;
  readonly ackWaitMs: number;
  readonly ackCap: number | undefined;
  /** What `on_gap` lets pass. */
  readonly loss: Loss | undefined;
}

/** Somebody else has just made it with another start. */
const EXISTS: ReadonlySet<unknown> = new Set([10013, 10148]);
const NANOSECONDS = 1_000_000;

/**
 * Finds the consumer, or makes it: on a first start as configured, and behind the floor when it has vanished with what it
 * knew. Rejects with coded errors; under `on_gap = 'fail'` with what is lost behind the floor.
 */
export async function openSharedConsumer(request: SharedConsumerRequest): Promise<SharedConsumer> {
  const { connection, table, pipeline, known, signal, logger } = request;
  const { api, client } = connection;
  const stream = await api.streamInfo(table.stream, signal);
  const capabilities = await readCapabilities(api, client, signal, stream);
  const name = sharedConsumerName(pipeline);
  const planFrom = (start: ConsumerStart) =>
    planSharedConsumer({ table, stream, capabilities, name, start, labels: { pipeline, ordering: "none" } });
  const { config, ackCap } = planFrom({ kind: "first" });
  const common = { stream, ackCap, ackWaitMs: (config.ack_wait ?? 0) / NANOSECONDS };
  const existing = await api.consumerInfo(table.stream, name, signal);
  if (existing !== undefined) {
    const loss = await findLoss(request, stream, existing);
    const info = await api.updateConsumer(table.stream, { ...config, ...startOf(existing) }, signal);
    return { ...common, info, loss };
  }
  // Where acks delete, what was delivered may be gone for that; what is left of it is delivered again.
  const delivered = stream.config.retention === "limits" ? 0 : (known?.farthest?.stream_seq ?? 0);
  const position = known && positionOf(known, Math.max(known.floor, delivered));
  const resolved = position && (await resolveStart(api, table, stream, table.filterSubjects, position, signal));
  const start = resolved?.start ?? { kind: "configured" };
  const planned = planFrom(start.kind === "after" && known ? { ...start, sequence: known.floor } : start).config;
  let info: ConsumerInfo;
  try {
    info = await api.createConsumer(table.stream, planned, signal);
  } catch (error) {
    if (!isConnectorError(error) || !EXISTS.has(error.context.errCode)) throw error;
    logger.debug({ consumer: name }, "another process has just made the shared consumer");
    return openSharedConsumer(request);
  }
  if (resolved === undefined || position === undefined) return { ...common, info, loss: undefined };
  if (resolved.startsOver) return { ...common, info, loss: resolved.loss };
  const loss = lossUpTo(stream, table.filterSubjects, position, info.delivered.stream_seq);
  if (loss !== undefined && table.onGap === "fail") {
    await api.deleteConsumer(table.stream, name, signal);
    throw lossError(loss);
  }
  return { ...common, info, loss };
}

/**
 * What is missing for a consumer that is there and goes on where it stands, whatever this process knew before: what was
 * delivered is with the process that has it, or acked. Rejects under `on_gap = 'fail'`.
 */
async function findLoss(
  { connection, table, known, signal }: SharedConsumerRequest,
  stream: StreamInfo,
  existing: ConsumerInfo,
): Promise<Loss | undefined> {
  const { filterSubjects: filters } = table;
  // What a filtered consumer has not delivered may not be for it: only who was here before knows.
  if (known === undefined && filters.length > 0) return undefined;
  const farthest = known?.created === stream.created ? known.farthest : undefined;
  const cursor = Math.max(existing.delivered.stream_seq, farthest?.stream_seq ?? 0);
  const position = positionOf(known ?? { created: stream.created, floor: 0 }, cursor);
  const resolved = await resolveStart(connection.api, table, stream, filters, position, signal);
  const loss = resolved.startsOver ? resolved.loss : lossOfShared(stream, filters, existing, position, farthest);
  if (loss !== undefined && table.onGap === "fail") throw lossError(loss);
  return loss;
}

function positionOf({ created, floor }: Pick<SharedRecord, "created" | "floor">, cursor: number): KnownPosition {
  const none = { lastTs: undefined, passEnd: undefined, consumer: undefined, isCommitted: false };
  return { created, lastSeq: floor, cursor, seen: cursor, durable: floor, ...none };
}

/** Where its delivery began, which an update must repeat. */
function startOf({
  config,
}: ConsumerInfo): Pick<NamedConsumerConfig, "deliver_policy" | "opt_start_seq" | "opt_start_time"> {
  const { deliver_policy, opt_start_seq, opt_start_time } = config;
  return {
    deliver_policy,
    ...(opt_start_seq === undefined ? {} : { opt_start_seq }),
    ...(opt_start_time === undefined ? {} : { opt_start_time }),
  };
}
