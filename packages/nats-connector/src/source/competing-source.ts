import {
  abortable,
  ConnectorError,
  isConnectorError,
  type SourceCollector,
  type SourceContext,
  type SourceFinish,
  type SourceOperator,
  type SourceSnapshot,
  type SplitCollector,
} from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { PullLoop } from "../jetstream/pull-loop.js";
import { decodeShared, encodeShared, type SharedRecord } from "../jetstream/shared-record.js";
import { describeJetStreamMessage } from "../message-metadata.js";
import type { NatsMessage } from "../nats-client.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { ackCapFor } from "./ack-cap.js";
import { CompetingReader } from "./competing-reader.js";
import { LagGauge } from "./lag-gauge.js";
import { type Loss, lossError, reportLoss } from "./loss.js";
import { PassedOver } from "./passed-over.js";
import { createPullPace, type PullPace } from "./pull-pace.js";
import { QuietWatch } from "./quiet-watch.js";
import { retryAttach, streamIsGone } from "./retry-attach.js";
import { openSharedConsumer, type SharedConsumer } from "./shared-consumer.js";
import { tellsByNumbers } from "./shared-loss.js";
import { handOnBeforeFailing, opened, openSourceLink, type SourceLink, type SourceOptions } from "./source-link.js";
import { UnackedMessages } from "./unacked-messages.js";
import { watchGivenUp } from "./watch-given-up.js";

const SPLIT = "0";
const FLOOR_INTERVAL_MS = 10_000;
const CAUGHT_UP_INTERVAL_MS = 500;

/**
 * Reads a stream in any order, side by side with every other process of the same pipeline: `ordering = 'none'`. They
 * share one consumer, which knows what is acked; here, that is what is in a durable checkpoint. What a process leaves
 * unacked goes to another after `ack_wait`: at least once.
 */
export function createCompetingSource(options: SourceOptions<JetStreamSourceTable>): SourceOperator {
  return new CompetingSource(options);
}

class CompetingSource implements SourceOperator {
  readonly name: string;
  readonly #options: SourceOptions<JetStreamSourceTable>;
  readonly #pace: PullPace;
  #link: SourceLink | undefined;
  #lag: LagGauge | undefined;
  #consumer: SharedConsumer | undefined;
  #unacked: UnackedMessages | undefined;
  #split: SplitCollector<NatsMessage> | undefined;
  #passedOver: PassedOver | undefined;
  #reader: CompetingReader | undefined;
  /** What is known of the stream, for when the consumer vanishes. */
  #known: SharedRecord | undefined;
  #handedOn = 0;
  #floorAt = 0;
  /** Messages in a checkpoint that is taken and not yet completed, as a count. */
  readonly #marks = new Map<number, number>();

  constructor(options: SourceOptions<JetStreamSourceTable>) {
    const { table, rateLimit } = options;
    this.#options = options;
    this.#pace = createPullPace(table, 1, rateLimit);
    this.name = `nats stream ${table.stream}`;
  }

  async open(context: SourceContext): Promise<void> {
    const { table, connectTimeoutMs } = this.#options;
    const deadline = Date.now() + connectTimeoutMs;
    if (context.committed !== undefined) {
      throw new ConnectorError(
        "OPTION_CONFLICT",
        "delivery = 'exactly_once' needs positions in order, and ordering = 'none' has none; leave one of them out",
      );
    }
    this.#restore(context);
    this.#lag = new LagGauge(context.counters);
    const input = { stream: table.stream, subjects: table.filterSubjects };
    this.#link = await openSourceLink(this.#options, input, context);
    const { connection } = this.#link;
    await this.#attach(context, deadline);
    this.#unacked = new UnackedMessages(connection, ackCapFor(this.#consumer?.ackCap, context));
    if (table.maxDeliver !== undefined) watchGivenUp(connection, opened(this.#consumer).info, table.stream, context);
  }

  async run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish> {
    const link = opened(this.#link);
    link.initialize(collector, describeJetStreamMessage);
    this.#split = collector.split<NatsMessage>(SPLIT);
    const stop = AbortSignal.any([context.signal, context.drain, link.lost]);
    const marking = setInterval(() => this.#unacked?.markInProgress(), opened(this.#consumer).ackWaitMs / 3);
    try {
      const caughtUp = await this.#readAll(context, collector, stop);
      if (context.signal.aborted) return "immediate";
      if (link.lost.aborted) throw link.lost.reason;
      collector.flush();
      return caughtUp ? "final" : "graceful";
    } catch (error) {
      if (context.signal.aborted) return "immediate";
      if (link.lost.aborted) throw link.lost.reason;
      await handOnBeforeFailing(context, collector);
      throw error;
    } finally {
      clearInterval(marking);
    }
  }

  snapshot(checkpointId: number): SourceSnapshot {
    const { info, stream } = opened(this.#consumer);
    this.#handedOn = Math.max(this.#handedOn, this.#unacked?.countAt(this.#split?.handedOn) ?? 0);
    this.#marks.set(checkpointId, this.#handedOn);
    const floor = this.#known?.floor ?? info.ack_floor.stream_seq;
    const place = { stream: stream.config.name, created: stream.created, consumer: info.name };
    const farthest = this.#passedOver?.farthest;
    return new Map([[SPLIT, encodeShared({ ...place, floor, farthest, handedOn: this.#handedOn })]]);
  }

  async flush(): Promise<void> {
    await this.#link?.flush();
  }

  async checkpointCompleted(checkpointId: number): Promise<void> {
    const count = this.#marks.get(checkpointId);
    for (const id of this.#marks.keys()) if (id <= checkpointId) this.#marks.delete(id);
    if (count !== undefined) await this.#unacked?.ack(count);
    await this.#learnFloor();
    await this.#link?.connection.boundary();
  }

  async close(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (link === undefined) return;
    await leaveServer(link.connection);
    await link.close();
  }

  /** Throws STATE_INVALID for the state of another stream, or of one that was read in order. */
  #restore({ restored, identity }: SourceContext): void {
    const { stream } = this.#options.table;
    for (const state of restored?.values() ?? []) {
      const known = decodeShared(state);
      if (known.stream !== stream) {
        throw new ConnectorError(
          "STATE_INVALID",
          `the state of pipeline "${identity.pipeline}" is about stream "${known.stream}", not "${stream}"; give the pipeline another name`,
        );
      }
      this.#known = known;
    }
  }

  async #attach(context: SourceContext, deadline: number): Promise<void> {
    const { connection } = opened(this.#link);
    const { table, moveAfterMs } = this.#options;
    const { logger, identity } = context;
    const signal = AbortSignal.any([context.signal, context.drain, connection.lost]);
    const before = this.#consumer?.info.created;
    const { pipeline } = identity;
    const known = this.#known && { ...this.#known, farthest: this.#passedOver?.farthest ?? this.#known.farthest };
    const consumer = await retryAttach({ connection, signal, logger, deadline, moveAfterMs }, () =>
      openSharedConsumer({ connection, table, pipeline, known, signal, logger }),
    );
    if (before !== undefined && before !== consumer.info.created) this.#unacked?.forget();
    if (consumer.loss !== undefined) reportLoss(consumer.loss, table.onGap, SPLIT, context);
    this.#consumer = consumer;
    this.#passedOver = this.#watchFrom(consumer, context, signal);
    this.#learn(consumer.info.ack_floor.stream_seq);
  }

  /** What the consumer passes over from here on. What is gone by now has been told. */
  #watchFrom({ info, stream }: SharedConsumer, context: SourceContext, signal: AbortSignal): PassedOver {
    const { table } = this.#options;
    const { delivered } = info;
    return new PassedOver({
      tells: tellsByNumbers(stream, table.filterSubjects),
      farthest: { ...delivered, stream_seq: Math.max(delivered.stream_seq, stream.state.first_seq - 1) },
      streamInfo: () => opened(this.#link).connection.api.streamInfo(table.stream, signal),
      lost: (loss) => this.#lost(loss, context),
    });
  }

  #lost(loss: Loss, context: SourceContext): void {
    const { onGap } = this.#options.table;
    if (onGap === "fail") this.#reader?.failed(lossError(loss));
    else reportLoss(loss, onGap, SPLIT, context);
  }

  /** True when everything was read and acked by all; false when it was stopped. */
  async #readAll(context: SourceContext, collector: SourceCollector, stop: AbortSignal): Promise<boolean> {
    for (;;) {
      const end = await this.#read(context, collector, stop);
      if (end === "caught-up") return true;
      if (end === undefined) return false;
      if (isConnectorError(end)) throw end;
      context.logger.info({ event: "rebuild", stream: this.#options.table.stream, reason: end }, "pulling anew");
      context.onEvent?.({ type: "rebuild", reason: end });
      context.counters.rebuilds += 1;
      try {
        await opened(this.#link).connection.whenConnected(stop);
        await this.#attach(context, Number.POSITIVE_INFINITY);
      } catch (error) {
        if (stop.aborted) return false;
        throw streamIsGone(error, this.#options.table.stream, "in any order");
      }
    }
  }

  /** Pulls until it ends: undefined when it was stopped, a text for what another attempt may mend. */
  #read(
    context: SourceContext,
    collector: SourceCollector,
    stop: AbortSignal,
  ): Promise<"caught-up" | string | ConnectorError | undefined> {
    const { connection } = opened(this.#link);
    const target = { stream: this.#options.table.stream, consumer: opened(this.#consumer).info.name };
    const lag = opened(this.#lag);
    const watch = new QuietWatch(target, connection.api, context, lag);
    if (stop.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const reader = new CompetingReader({
        split: opened(this.#split),
        collector,
        unacked: opened(this.#unacked),
        passedOver: opened(this.#passedOver),
        quiet: () => watch.look((reason) => reader.doubt(reason)),
        waiting: (count) => lag.set(count),
        leaderMoved: () => context.logger.info({ event: "leader-moved", ...target }, "the consumer has a new leader"),
        ended: (end) => finish(end),
      });
      this.#reader = reader;
      const { max_batch } = opened(this.#consumer).info.config;
      const loop = new PullLoop(connection, target, this.#pace(connection, stop, max_batch), reader);
      const unlisten = connection.listen({ disconnected: () => reader.doubt("the connection was lost") });
      const look = (): void => {
        this.#isCaughtUp().then(
          (done) => void (done && finish("caught-up")),
          () => {},
        );
      };
      const looking = context.untilCaughtUp ? setInterval(look, CAUGHT_UP_INTERVAL_MS) : undefined;
      const stopped = (): void => finish(undefined);
      const finish = (end: "caught-up" | string | ConnectorError | undefined): void => {
        loop.stop();
        unlisten();
        clearInterval(looking);
        stop.removeEventListener("abort", stopped);
        resolve(end);
      };
      stop.addEventListener("abort", stopped, { once: true });
      loop.start();
      if (context.untilCaughtUp) look();
    });
  }

  /** Nothing waits, and nobody else has anything left that might come back. */
  async #isCaughtUp(): Promise<boolean> {
    const { connection } = opened(this.#link);
    const { info, stream } = opened(this.#consumer);
    const now = await connection.api.consumerInfo(stream.config.name, info.name);
    if (now === undefined) return false;
    const delivered = now.num_pending === 0 || now.delivered.stream_seq >= stream.state.last_seq;
    return delivered && now.num_ack_pending <= opened(this.#unacked).size;
  }

  async #learnFloor(): Promise<void> {
    if (Date.now() - this.#floorAt < FLOOR_INTERVAL_MS) return;
    this.#floorAt = Date.now();
    const { connection } = opened(this.#link);
    const { info, stream } = opened(this.#consumer);
    const { name } = stream.config;
    const passedOver = opened(this.#passedOver);
    const end = passedOver.tells ? 0 : (await connection.api.streamInfo(name)).state.last_seq;
    const now = await connection.api.consumerInfo(name, info.name);
    if (now === undefined) return;
    // Nothing up to the end of before is left for it: what a filter passes over, limits may remove later.
    const done = now.num_pending === 0 ? end : 0;
    passedOver.seen({ ...now.delivered, stream_seq: done });
    this.#learn(Math.max(now.ack_floor.stream_seq, now.num_ack_pending === 0 ? done : 0));
  }

  #learn(floor: number): void {
    const { info, stream } = opened(this.#consumer);
    const before = this.#known?.created === stream.created ? this.#known.floor : 0;
    const place = { stream: stream.config.name, created: stream.created, consumer: info.name };
    const farthest = this.#passedOver?.farthest;
    this.#known = { ...place, floor: Math.max(floor, before), farthest, handedOn: this.#handedOn };
  }
}

/** The server knows that nobody pulls here any more: what it gave to a closed connection, others would wait for. */
async function leaveServer({ client, connected, lost }: OpenConnection): Promise<void> {
  if (connected && !lost.aborted) await abortable(client.flush(), AbortSignal.timeout(1000)).catch(() => {});
}
