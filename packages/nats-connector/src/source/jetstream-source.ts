import { setTimeout as sleep } from "node:timers/promises";
import {
  abortable,
  ConnectorError,
  createRateLimit,
  type Decoder,
  type Deserialization,
  type OperatorContext,
  type RateLimit,
  type RateLimitConfig,
  type SourceCollector,
  type SourceContext,
  type SourceFinish,
  type SourceOperator,
  type SourceOrigin,
  type SourcePosition,
  type SourceSnapshot,
  type SplitCollector,
} from "@x/connector-api";
import { openSourceDeadLetters, type SourceDeadLetters } from "../dead-letter/source-dead-letters.js";
import { AckReplyReader } from "../jetstream/ack-reply.js";
import { sequenceOf } from "../jetstream/position.js";
import { PullLoop, type PullSizes } from "../jetstream/pull-loop.js";
import { describeJetStreamMessage } from "../message-metadata.js";
import type { NatsMessage } from "../nats-client.js";
import type { OpenConnection } from "../open-connection.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { type Acks, createAcks } from "./acks.js";
import { type Attachment, attach } from "./attach.js";
import { retryAttach } from "./retry-attach.js";
import { handOnBeforeFailing } from "./source-link.js";
import { SplitProgress } from "./split-progress.js";
import { type ReadEnd, SplitReader } from "./split-reader.js";

export interface JetStreamSourceOptions {
  readonly table: JetStreamSourceTable;
  connect(context: OperatorContext): Promise<OpenConnection>;
  openDecoder(signal: AbortSignal): Promise<Decoder>;
  readonly deserialization: Omit<Deserialization<NatsMessage>, "decoder" | "describe">;
  readonly rateLimit?: RateLimitConfig | undefined;
  /** Budget for attaching at start. */
  readonly connectTimeoutMs: number;
}

/** The only split of an unpartitioned stream. */
const SPLIT = "0";
const SCAN_INTERVAL_MS = 10_000;

/**
 * Reads a stream in order from a position of our own: RESOLVE the stream, ATTACH a consumer behind the position, RUN,
 * and on any doubt REBUILD from the last message collected. A lost connection, a moved leader, a restarted server or a
 * deleted consumer is such a doubt; data that is gone, or another stream under the name, is an error.
 */
export function createJetStreamSource(options: JetStreamSourceOptions): SourceOperator {
  return new JetStreamSource(options);
}

class JetStreamSource implements SourceOperator {
  readonly name: string;
  readonly origin: SourceOrigin;
  readonly #options: JetStreamSourceOptions;
  readonly #progress: SplitProgress;
  #context: SourceContext | undefined;
  #connection: OpenConnection | undefined;
  #decoder: Decoder | undefined;
  #letters: SourceDeadLetters | undefined;
  #attachment: Attachment | undefined;
  #reader: SplitReader | undefined;
  #acks: Acks | undefined;
  #target: number | undefined;
  #limit: RateLimit | undefined;
  #rebuilds = 0;
  #scannedAt = 0;

  constructor(options: JetStreamSourceOptions) {
    this.#options = options;
    this.#progress = new SplitProgress(SPLIT, options.table);
    this.name = `nats stream ${options.table.stream}`;
    this.origin = { stream: options.table.stream, splits: [SPLIT], sequenceOf };
  }

  async open(context: SourceContext): Promise<void> {
    this.#context = context;
    this.#progress.restore(context);
    this.#connection = await this.#options.connect(context);
    this.#decoder = await this.#options.openDecoder(context.signal);
    const { table, deserialization } = this.#options;
    const input = { stream: table.stream, subjects: table.filterSubjects };
    this.#letters = await openSourceDeadLetters(deserialization.badData, input, this.#connection, context);
    await this.#attach(context, Date.now() + this.#options.connectTimeoutMs);
    if (context.untilCaughtUp) this.#target = this.#attachment?.stream.state.last_seq;
  }

  starts(): ReadonlyMap<string, SourcePosition> {
    return new Map([[SPLIT, this.#progress.start]]);
  }

  async run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish> {
    const decoder = opened(this.#decoder);
    const describe = describeJetStreamMessage;
    const deadLetters = this.#letters;
    collector.initialize<NatsMessage>({ ...this.#options.deserialization, decoder, describe, deadLetters });
    const split = collector.split<NatsMessage>(SPLIT);
    this.#progress.collectWith(split);
    const lost = AbortSignal.any([opened(this.#connection).lost, ...(deadLetters ? [deadLetters.failed] : [])]);
    const stop = AbortSignal.any([context.signal, context.drain, lost]);
    for (let idleRebuilds = 0, cursor = -1; ; ) {
      const end = await this.#read(context, collector, split, stop);
      if (context.signal.aborted) return "immediate";
      if (lost.aborted) throw lost.reason;
      if (end?.kind === "failed") {
        await handOnBeforeFailing(context, collector);
        throw end.error;
      }
      if (end === undefined || end.kind === "caught-up") {
        // What waits for its schema still counts as read; a stop does not wait for it, and the next run reads it again.
        if (end !== undefined && !collector.hasRoom) {
          await abortable(collector.room(), stop).catch((error: unknown) => {
            if (!stop.aborted) throw error;
          });
          if (lost.aborted) throw lost.reason;
        }
        collector.flush();
        return end === undefined ? "graceful" : "final";
      }
      context.logger.info({ stream: this.#options.table.stream, reason: end.reason }, "rebuilding the consumer");
      context.onEvent?.({ type: "rebuild", reason: end.reason });
      // Rebuilding again and again without a message in between must not become a storm.
      idleRebuilds = this.#progress.cursor > cursor ? 0 : idleRebuilds + 1;
      cursor = this.#progress.cursor;
      await this.#rebuild(context, stop, idleRebuilds).catch((error: unknown) => {
        if (!stop.aborted) throw error;
      });
    }
  }

  snapshot(checkpointId: number): SourceSnapshot {
    const { identity } = opened(this.#context);
    return new Map([[SPLIT, this.#progress.snapshot(checkpointId, opened(this.#attachment), identity)]]);
  }

  async flush(): Promise<void> {
    await this.#letters?.delivered();
  }

  async checkpointCompleted(checkpointId: number): Promise<void> {
    await this.#acks?.through(this.#progress.completed(checkpointId));
    await this.#scan();
    await this.#connection?.boundary();
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    const attachment = this.#attachment;
    this.#connection = undefined;
    if (connection === undefined) return;
    this.#letters?.close();
    // Without acks the position is ours and the consumer worthless. One that acks stays: on an interest stream it is
    // what keeps the unread messages.
    if (attachment?.ackMode === "none" && connection.connected && !connection.lost.aborted) {
      const { stream } = this.#options.table;
      await connection.api.deleteConsumer(stream, attachment.consumer, AbortSignal.timeout(1000)).catch(() => {});
    }
    await connection.close();
  }

  async #attach(context: SourceContext, deadline: number): Promise<void> {
    const connection = opened(this.#connection);
    const signal = AbortSignal.any([context.signal, context.drain, connection.lost]);
    const { table } = this.#options;
    const { identity, logger } = context;
    this.#attachment = await retryAttach({ connection, signal, logger, deadline }, () => {
      const known = this.#progress.known(this.#attachment);
      const rebuild = this.#rebuilds;
      return attach({ connection, table, identity, split: SPLIT, rebuild, known, signal, logger });
    });
    this.#progress.attached(this.#attachment);
  }

  async #rebuild(context: SourceContext, stop: AbortSignal, idleRebuilds: number): Promise<void> {
    if (idleRebuilds > 1) await abortable(sleep(Math.min(2000, 50 * 2 ** (idleRebuilds - 2))), stop);
    await opened(this.#connection).whenConnected(stop);
    await context.assertCurrent();
    this.#rebuilds += 1;
    context.counters.rebuilds += 1;
    await this.#attach(context, Number.POSITIVE_INFINITY);
  }

  /** Reads from the current consumer until its end; undefined when it was stopped. */
  async #read(
    context: SourceContext,
    collector: SourceCollector,
    split: SplitCollector<NatsMessage>,
    stop: AbortSignal,
  ): Promise<ReadEnd | undefined> {
    const connection = opened(this.#connection);
    const { consumer, ackMode, connectionEpoch, jumpsByDesign, pending } = opened(this.#attachment);
    const { table } = this.#options;
    const progress = this.#progress;
    if (stop.aborted) return undefined;
    if (this.#target !== undefined && (pending === 0 || progress.cursor >= this.#target)) return { kind: "caught-up" };
    if (connection.epoch !== connectionEpoch) return { kind: "doubt", reason: "the connection was lost" };

    return new Promise((resolve) => {
      const replies = new AckReplyReader();
      const acks = createAcks(ackMode, connection, replies);
      const reader = new SplitReader({
        cursor: progress.cursor,
        target: this.#target,
        jumpsByDesign,
        split,
        collector,
        counters: context.counters,
        acks: ackMode === "none" ? undefined : acks,
        replies,
        firstSequence: async () => (await connection.api.streamInfo(table.stream, stop)).state.first_seq,
        pendingCount: async () => (await connection.api.consumerInfo(table.stream, consumer, stop))?.num_pending ?? -1,
        ended: (end) => finish(end),
      });
      const maxBytes = Math.max(table.maxBytes, (connection.client.info?.max_payload ?? 0) + 64 * 1024);
      const sizes = { ...this.#pace(stop), maxBytes, expiresMs: table.maxExpiresMs };
      const loop = new PullLoop(connection, { stream: table.stream, consumer }, sizes, reader);
      const unlisten = connection.listen({ disconnected: () => reader.doubt("the connection was lost") });
      const stopped = (): void => finish(undefined);
      const finish = (end: ReadEnd | undefined): void => {
        loop.stop();
        unlisten();
        stop.removeEventListener("abort", stopped);
        progress.collected(reader.position);
        resolve(end);
      };
      stop.addEventListener("abort", stopped, { once: true });
      this.#acks = acks;
      this.#reader = reader;
      loop.start();
    });
  }

  /** Messages per pull; under a rate limit a tenth of a second's worth, each paid for before it is asked. */
  #pace(signal: AbortSignal): Pick<PullSizes, "batch" | "permit"> {
    const { table, rateLimit } = this.#options;
    if (rateLimit === undefined) return { batch: table.maxBatch };
    this.#limit ??= createRateLimit(rateLimit.messagesPerSecond);
    const limit = this.#limit;
    const batch = Math.min(table.maxBatch, Math.max(1, Math.floor(rateLimit.messagesPerSecond / 10)));
    return { batch, permit: (count) => limit.take(count, signal) };
  }

  /** A filtered split that is idle learns how far nothing was for it, so that retention there is no gap to it. */
  async #scan(): Promise<void> {
    const reader = this.#reader;
    const attachment = this.#attachment;
    const { table } = this.#options;
    if (table.filterSubjects.length === 0 || reader === undefined || attachment === undefined) return;
    if (Date.now() - this.#scannedAt < SCAN_INTERVAL_MS) return;
    this.#scannedAt = Date.now();
    const { api } = opened(this.#connection);
    const { state } = await api.streamInfo(table.stream);
    const consumer = await api.consumerInfo(table.stream, attachment.consumer);
    if (consumer?.num_pending !== 0 || consumer.delivered.consumer_seq !== reader.consumerSeq) return;
    this.#progress.scanned(reader.cursor, state.last_seq);
  }
}

function opened<T>(value: T | undefined): T {
  if (value === undefined) throw new ConnectorError("UNEXPECTED", "used before open, or after close");
  return value;
}
