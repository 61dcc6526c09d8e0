import { setTimeout as sleep } from "node:timers/promises";
import {
  abortable,
  isConnectorError,
  type SourceCollector,
  type SourceContext,
  type SourcePosition,
  type SplitCollector,
  type SplitState,
} from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { AckReplyReader } from "../jetstream/ack-reply.js";
import { parsePosition } from "../jetstream/position.js";
import { PullLoop } from "../jetstream/pull-loop.js";
import type { NatsMessage } from "../nats-client.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { ackCapFor } from "./ack-cap.js";
import { type Acks, createAcks } from "./acks.js";
import { type Attachment, attach } from "./attach.js";
import { HeadWatch } from "./head-watch.js";
import { lookIntoJumps } from "./jumps.js";
import { LagGauge } from "./lag-gauge.js";
import { type Loss, lossError, removedFromHead, reportLoss } from "./loss.js";
import type { PullPace } from "./pull-pace.js";
import { QuietWatch } from "./quiet-watch.js";
import { retentionChange } from "./retention-change.js";
import { retryAttach, streamIsGone } from "./retry-attach.js";
import { opened } from "./source-link.js";
import { SplitProgress } from "./split-progress.js";
import { type ReadEnd, SplitReader } from "./split-reader.js";
import type { Split } from "./splits.js";

/** What all splits of a source share. */
export interface SplitSetting {
  readonly connection: OpenConnection;
  readonly table: JetStreamSourceTable;
  readonly context: SourceContext;
  /** How much one split asks for at a time. */
  readonly pace: PullPace;
  readonly moveAfterMs?: number | undefined;
}

const LOOK_INTERVAL_MS = 10_000;

/**
 * One split and its life: RESOLVE the stream, ATTACH a consumer behind the position, RUN, and on any doubt REBUILD from
 * the last message collected. A lost connection, a moved leader, a restarted server or a deleted consumer is such a
 * doubt; data that is gone, or another stream under the name, is for `on_gap` to decide.
 */
export class StreamSplit {
  readonly name: string;
  readonly #split: Split;
  readonly #setting: SplitSetting;
  readonly #progress: SplitProgress;
  readonly #lag: LagGauge;
  #attachment: Attachment | undefined;
  #reader: SplitReader | undefined;
  #acks: Acks | undefined;
  #target: number | undefined;
  #rebuilds = 0;
  #lookedAt = 0;

  constructor(split: Split, setting: SplitSetting) {
    this.name = split.name;
    this.#split = split;
    this.#setting = setting;
    this.#progress = new SplitProgress(split, setting.table);
    this.#lag = new LagGauge(setting.context.counters);
  }

  /** Takes its state and attaches within the start-up budget. Rejects with a coded error when the start is impossible. */
  async open(deadline: number): Promise<void> {
    const { context } = this.#setting;
    this.#progress.restore(context);
    const attachment = await this.#attach(deadline);
    this.#moveTo(attachment);
    if (context.untilCaughtUp) this.#target = attachment.stream.state.last_seq;
  }

  /** Where it begins, once it is open. */
  get start(): SourcePosition {
    return this.#progress.start;
  }

  /** Reads until it has caught up, or until `stop`: then false. Rejects with what it cannot mend by itself. */
  async run(collector: SourceCollector, stop: AbortSignal): Promise<boolean> {
    const split = collector.split<NatsMessage>(this.name);
    this.#progress.collectWith(split);
    for (let idleRebuilds = 0, cursor = -1; ; ) {
      const end = await this.#read(collector, split, stop);
      if (end === undefined || end.kind === "caught-up") return end !== undefined;
      if (end.kind === "failed") throw end.error;
      this.#report(end);
      // Rebuilding again and again without a message in between must not become a storm.
      idleRebuilds = this.#progress.cursor > cursor ? 0 : idleRebuilds + 1;
      cursor = this.#progress.cursor;
      try {
        const attachment = await this.#rebuild(stop, idleRebuilds);
        await this.#moveOn(attachment, collector, split, stop);
      } catch (error) {
        if (stop.aborted) return false;
        throw error;
      }
    }
  }

  snapshot(checkpointId: number): SplitState {
    return this.#progress.snapshot(checkpointId, opened(this.#attachment), this.#setting.context.identity);
  }

  async completed(checkpointId: number): Promise<void> {
    await this.#acks?.through(this.#progress.completed(checkpointId));
    // It is looked again; a checkpoint is none the worse for it.
    await this.#look().catch(() => {});
  }

  /** Without acks the position is ours and the consumer worthless; one that acks keeps the unread messages and stays. */
  async close(): Promise<void> {
    const { connection, table } = this.#setting;
    const attachment = this.#attachment;
    this.#attachment = undefined;
    if (attachment?.ackMode !== "none" || !connection.connected || connection.lost.aborted) return;
    await connection.api.deleteConsumer(table.stream, attachment.consumer, AbortSignal.timeout(1000)).catch(() => {});
  }

  async #attach(deadline: number): Promise<Attachment> {
    const { connection, table, context, moveAfterMs } = this.#setting;
    const { identity, logger } = context;
    const signal = AbortSignal.any([context.signal, context.drain, connection.lost]);
    const attachment = await retryAttach({ connection, signal, logger, deadline, moveAfterMs }, async () => {
      const known = this.#progress.known(this.#attachment);
      const rebuild = this.#rebuilds;
      try {
        return await attach({ connection, table, identity, split: this.#split, rebuild, known, signal, logger });
      } catch (error) {
        // Its consumer may have been put on a server that is gone, where no attempt under this name is ever answered.
        if (isConnectorError(error) && error.code === "SERVER_UNAVAILABLE") this.#rebuilds += 1;
        throw error;
      }
    });
    if (attachment.loss !== undefined) this.#count(attachment.loss);
    return attachment;
  }

  async #rebuild(stop: AbortSignal, idleRebuilds: number): Promise<Attachment> {
    const { connection, table, context } = this.#setting;
    if (idleRebuilds > 1) await abortable(sleep(Math.min(2000, 50 * 2 ** (idleRebuilds - 2))), stop);
    await connection.whenConnected(stop);
    await context.assertCurrent();
    this.#rebuilds += 1;
    context.counters.rebuilds += 1;
    return this.#attach(Number.POSITIVE_INFINITY).catch(async (error: unknown) => {
      // A newer instance may have come meanwhile, and be what is in the way.
      await context.assertCurrent().catch(unlessFenced);
      throw streamIsGone(error, table.stream, `up to ${this.#progress.cursor}`);
    });
  }

  /** Goes on with an attachment, where it begins. What was collected from another place is handed on before. */
  async #moveOn(
    attachment: Attachment,
    collector: SourceCollector,
    split: SplitCollector<NatsMessage>,
    stop: AbortSignal,
  ): Promise<void> {
    const moves = attachment.startsOver || attachment.loss !== undefined;
    // A held input would keep the old position in the next snapshot, beside the new stream.
    while (moves && !collector.hasRoom) await abortable(collector.room(), stop);
    if (moves) collector.flush();
    const position = this.#moveTo(attachment);
    if (position === undefined) return;
    split.advance(position);
    collector.flush();
  }

  #moveTo(attachment: Attachment): SourcePosition | undefined {
    this.#attachment = attachment;
    return this.#progress.attached(attachment);
  }

  /** Reads from the current consumer until its end; undefined when it was stopped. */
  async #read(
    collector: SourceCollector,
    split: SplitCollector<NatsMessage>,
    stop: AbortSignal,
  ): Promise<ReadEnd | undefined> {
    const { connection, table, context, pace } = this.#setting;
    const attachment = opened(this.#attachment);
    const { consumer, ackMode, maxBatch, passEnd, resumesPass } = attachment;
    const { api } = connection;
    const progress = this.#progress;
    if (stop.aborted) return undefined;
    if (this.#isCaughtUp(attachment)) return { kind: "caught-up" };
    if (connection.epoch !== attachment.connectionEpoch) return { kind: "doubt", reason: "the connection was lost" };

    return new Promise((resolve) => {
      const replies = new AckReplyReader();
      const acks =
        ackMode === "none"
          ? undefined
          : createAcks(ackMode, connection, replies, ackCapFor(attachment.ackCap, context));
      const watch = new QuietWatch({ stream: table.stream, consumer }, api, context, this.#lag);
      const reader: SplitReader = new SplitReader({
        cursor: progress.cursor,
        target: this.#target,
        jumpsUntil: attachment.jumpsUntil,
        passEnd: resumesPass ? passEnd : undefined,
        head: attachment.headTells ? new HeadWatch(progress.seen, attachment.pending === 0) : undefined,
        seen: () => progress.seen,
        split,
        collector,
        lag: this.#lag,
        acks,
        replies,
        lookInto: (ranges) => lookIntoJumps(api, table.stream, ranges, stop),
        passOver: (info, range) => this.#passOver(removedFromHead(info, range, lastTimeOf(reader)), reader.cursor),
        lastDelivery: async () => {
          const info = await api.consumerInfo(table.stream, consumer, stop);
          return info?.num_pending === 0 ? info.delivered.consumer_seq : undefined;
        },
        quiet: () => watch.look((reason) => reader.doubt(reason)),
        leaderMoved: () =>
          context.logger.info({ event: "leader-moved", ...this.#place }, "the consumer has a new leader"),
        ended: (end) => finish(end),
      });
      const sizes = pace(connection, stop, maxBatch);
      const loop = new PullLoop(connection, { stream: table.stream, consumer }, sizes, reader);
      const unlisten = connection.listen({ disconnected: () => reader.doubt("the connection was lost") });
      const stopped = (): void => finish(undefined);
      const finish = (end: ReadEnd | undefined): void => {
        loop.stop();
        unlisten();
        stop.removeEventListener("abort", stopped);
        progress.collected(reader.position);
        if (end?.kind === "pass-over" && passEnd !== undefined) progress.passOver(passEnd);
        resolve(end);
      };
      stop.addEventListener("abort", stopped, { once: true });
      this.#acks = acks;
      this.#reader = reader;
      loop.start();
    });
  }

  #isCaughtUp({ pending }: Attachment): boolean {
    return this.#target !== undefined && (pending === 0 || this.#progress.cursor >= this.#target);
  }

  /** A gap in the middle of reading, which needs no other consumer when it goes on with what comes behind it. */
  #passOver(loss: Loss, cursor: number): boolean {
    const { onGap } = this.#setting.table;
    const isBehind = loss.range !== undefined && loss.range.to <= cursor;
    if (isBehind && onGap === "fail") throw lossError(loss);
    if (!isBehind && onGap !== "skip" && onGap !== "earliest") return false;
    this.#progress.passedOver(loss);
    this.#count(loss);
    return true;
  }

  #count(loss: Loss): void {
    const { table, context } = this.#setting;
    reportLoss(loss, table.onGap, this.name, context);
  }

  #report(end: Exclude<ReadEnd, { kind: "caught-up" | "failed" }>): void {
    const reason = end.kind === "doubt" ? end.reason : "the present state of every subject was read";
    const { logger, onEvent } = this.#setting.context;
    logger.info({ event: "rebuild", ...this.#place, reason }, "rebuilding the consumer");
    onEvent?.({ type: "rebuild", reason });
  }

  get #place(): { readonly stream: string; readonly split: string } {
    return { stream: this.#setting.table.stream, split: this.name };
  }

  /**
   * Looks at the stream now and then. A filtered split that is idle learns how far nothing was for it, so that retention
   * there is no gap to it; one that acks nothing learns whether what is delivered is removed by now.
   */
  async #look(): Promise<void> {
    const reader = this.#reader;
    const attachment = this.#attachment;
    const isFiltered = this.#split.filters.length > 0;
    if ((!isFiltered && attachment?.ackMode !== "none") || reader === undefined || attachment === undefined) return;
    if (Date.now() - this.#lookedAt < LOOK_INTERVAL_MS) return;
    this.#lookedAt = Date.now();
    const { connection, table, context } = this.#setting;
    const { state, config } = await connection.api.streamInfo(table.stream);
    const change = retentionChange(attachment.stream.config, config);
    if (change !== undefined) {
      context.logger.warn({ event: "retention-changed", ...this.#place }, change);
      reader.doubt(change);
      return;
    }
    if (!isFiltered) return;
    const consumer = await connection.api.consumerInfo(table.stream, attachment.consumer);
    if (consumer?.num_pending !== 0 || consumer.delivered.consumer_seq !== reader.consumerSeq) return;
    this.#progress.scanned(reader.cursor, state.last_seq);
  }
}

function unlessFenced(error: unknown): void {
  if (isConnectorError(error) && error.code === "FENCED") throw error;
}

/** When the last message was stored, in nanoseconds; undefined before the first. */
function lastTimeOf({ position }: SplitReader): string | undefined {
  return position === undefined ? undefined : parsePosition(position).lastTs;
}
