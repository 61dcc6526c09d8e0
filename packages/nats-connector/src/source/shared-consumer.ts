import { isConnectorError, type Logger } from "@x/connector-api";
import { readCapabilities } from "../capabilities.js";
import type { ConsumerInfo, NamedConsumerConfig, StreamInfo } from "../jetstream/api.js";
import { sharedConsumerName } from "../jetstream/consumer-name.js";
import type { SharedRecord } from "../jetstream/shared-record.js";
import type { OpenConnection } from "../open-connection.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { type Loss, lossError } from "./loss.js";
import { type ConsumerStart, planSharedConsumer } from "./plan-consumer.js";
import { type KnownPosition, lossUpTo, resolveStart } from "./resolve-start.js";

export interface SharedConsumerRequest {
  readonly connection: OpenConnection;
  readonly table: JetStreamSourceTable;
  readonly pipeline: string;
  /** What is known from before: everything up to its floor was acked. Undefined on a first start. */
  readonly known: Pick<SharedRecord, "created" | "floor"> | undefined;
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
  const { config, ackCap } = planFrom({ kind: "configured" });
  const common = { stream, ackCap, ackWaitMs: (config.ack_wait ?? 0) / NANOSECONDS };
  const existing = await api.consumerInfo(table.stream, name, signal);
  const deletedByAcks = stream.config.retention === "limits" ? undefined : existing?.ack_floor.stream_seq;
  const position = known && positionOf(known, deletedByAcks);
  const resolved = position && (await resolveStart(api, table, stream, table.filterSubjects, position, signal));

  if (existing !== undefined) {
    const info = await api.updateConsumer(table.stream, { ...config, ...startOf(existing) }, signal);
    return { ...common, info, loss: resolved?.startsOver === true ? resolved.loss : undefined };
  }
  const planned = resolved === undefined ? config : planFrom(resolved.start).config;
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
  if (loss !== undefined && (table.onGap === "fail" || table.onGap === "latest")) {
    await api.deleteConsumer(table.stream, name, signal);
    throw lossError(loss);
  }
  return { ...common, info, loss };
}

/**
 * Where acks delete, what is up to the floor of the consumer is gone and no loss: others have acked it, or this process
 * after its state was written. Elsewhere that floor proves nothing, because a purge moves it, too.
 */
function positionOf({ created, floor }: Pick<SharedRecord, "created" | "floor">, deleted = 0): KnownPosition {
  const none = { lastTs: undefined, passEnd: undefined, consumer: undefined, isCommitted: false };
  return { created, lastSeq: floor, cursor: Math.max(floor, deleted), durable: floor, ...none };
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
