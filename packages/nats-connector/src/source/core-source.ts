import {
  abortable,
  ConnectorError,
  createRateLimit,
  type RateLimit,
  type SourceCollector,
  type SourceContext,
  type SourceFinish,
  type SourceOperator,
  type SourceSnapshot,
  type SplitCollector,
  toConnectorError,
} from "@x/connector-api";
import { describeCoreMessage } from "../message-metadata.js";
import type { NatsMessage, NatsSubscription } from "../nats-client.js";
import { fromClientError } from "../nats-errors.js";
import type { CoreSourceTable } from "../table-config.js";
import { MessageRing } from "./message-ring.js";
import { handOnBeforeFailing, opened, openSourceLink, type SourceLink, type SourceOptions } from "./source-link.js";
import { StallWatch } from "./stall-watch.js";

const SPLIT = "0";
/** A server drops a client for which too much waits, or to which it cannot write for a while: not for less than this. */
const SLOW_CONSUMER_MS = 1000;
/** A pause that ended so long before the connection was lost has nothing to do with it. */
const SLOW_CONSUMER_WITHIN_MS = 15_000;

/**
 * Reads a Core subject: what is published while it listens, at most once. Nothing slows a publisher down, so what waits
 * is bounded and the overflow policy decides; every drop is counted, and every reconnect is a gap of unknown size.
 * The position is a running count that means nothing to a later start.
 */
export function createCoreSource(options: SourceOptions<CoreSourceTable>): SourceOperator {
  return new CoreSource(options);
}

class CoreSource implements SourceOperator {
  readonly name: string;
  readonly #options: SourceOptions<CoreSourceTable>;
  readonly #ring: MessageRing;
  #link: SourceLink | undefined;
  #stalls: StallWatch | undefined;
  #subscription: NatsSubscription | undefined;
  #split: SplitCollector<NatsMessage> | undefined;
  #received = 0;
  #failure: ConnectorError | undefined;
  /** Wakes the reading loop: something came, or something ended. */
  #wake = (): void => {};

  constructor(options: SourceOptions<CoreSourceTable>) {
    const { maxBufferedMessages: maxMessages, maxBufferedBytes: maxBytes, onOverflow, subject } = options.table;
    this.#options = options;
    this.#ring = new MessageRing({ maxMessages, maxBytes, onOverflow });
    this.name = `nats subject ${subject}`;
  }

  async open(context: SourceContext): Promise<void> {
    const { subject, queueGroup: queue } = this.#options.table;
    if (context.untilCaughtUp) {
      throw new ConnectorError("UNSUPPORTED", `Core subject "${subject}" has no end to catch up with; read a stream`);
    }
    this.#link = await openSourceLink(this.#options, { stream: undefined, subjects: [subject] }, context);
    const { client } = this.#link.connection;
    this.#stalls = new StallWatch(SLOW_CONSUMER_MS);
    this.#link.connection.listen({ reconnected: () => this.#reconnected(context) });
    const callback = (error: Error | null, message: NatsMessage): void => this.#receive(context, error, message);
    this.#subscription = client.subscribe(subject, queue === undefined ? { callback } : { queue, callback });
    // The server has the subscription, or has refused it, before `open` is done.
    await client.flush().catch((error: unknown) => {
      throw fromClientError(error, `subscribe to "${subject}"`);
    });
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  async run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish> {
    const link = opened(this.#link);
    link.initialize(collector, describeCoreMessage);
    const split = collector.split<NatsMessage>(SPLIT);
    this.#split = split;
    const { rateLimit } = this.#options;
    const limit = rateLimit && createRateLimit(rateLimit.messagesPerSecond);
    const stop = AbortSignal.any([context.signal, context.drain, link.lost]);
    stop.addEventListener("abort", () => this.#wake(), { once: true });
    try {
      await this.#read(collector, split, limit, stop);
      if (context.signal.aborted) return "immediate";
      if (link.lost.aborted) throw link.lost.reason;
      // What was received before the failure came in order and is whole.
      if (this.#failure !== undefined) throw this.#failure;
      await this.#drain(collector, split);
      return "graceful";
    } catch (error) {
      if (!context.signal.aborted) await handOnBeforeFailing(context, collector);
      throw error;
    }
  }

  snapshot(): SourceSnapshot {
    const received = String(this.#split?.handedOn ?? 0);
    return new Map([[SPLIT, { v: 1, subject: this.#options.table.subject, received }]]);
  }

  async flush(): Promise<void> {
    await this.#link?.flush();
  }

  async checkpointCompleted(): Promise<void> {
    // What is published while credentials are renewed is lost, but so it would be when the server ends the connection.
    await this.#link?.connection.boundary();
  }

  async close(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    this.#stalls?.stop();
    if (this.#subscription?.isClosed() === false) this.#subscription.unsubscribe();
    await link?.close();
  }

  /** Until it is stopped, or has failed and the ring is empty. */
  async #read(
    collector: SourceCollector,
    split: SplitCollector<NatsMessage>,
    limit: RateLimit | undefined,
    stop: AbortSignal,
  ): Promise<void> {
    const ring = this.#ring;
    while (!stop.aborted) {
      if (ring.length === 0) {
        if (this.#failure !== undefined) return;
        await this.#somethingCame();
        continue;
      }
      if (!collector.hasRoom) await abortable(collector.room(), stop).catch(unlessAborted(stop));
      if (stop.aborted) return;
      if (limit !== undefined) await limit.take(1, stop).catch(unlessAborted(stop));
      for (let message = ring.shift(); message !== undefined; message = ring.shift()) {
        split.collect(message.data, ++this.#received, message);
        if (limit !== undefined || !collector.hasRoom) break;
      }
      if (ring.length === 0) collector.flush();
    }
  }

  /** Never throws: an exception here would end the client's reader. */
  #receive(context: SourceContext, error: Error | null, message: NatsMessage): void {
    if (this.#failure !== undefined) return;
    try {
      if (error !== null) throw fromClientError(error, `subscribe to "${this.#options.table.subject}"`);
      const dropped = this.#ring.push(message);
      if (dropped === "fail") throw this.#overflow();
      context.counters.droppedRows += dropped;
    } catch (thrown) {
      this.#failure = toConnectorError(thrown);
    }
    this.#wake();
  }

  #reconnected({ counters, logger, onEvent }: SourceContext): void {
    const { subject } = this.#options.table;
    const pausedMs = this.#stalls?.pauseWithin(SLOW_CONSUMER_WITHIN_MS);
    counters.gaps += 1;
    const text = "messages published while the connection was lost were not received";
    onEvent?.({ type: "gap", reason: text });
    if (pausedMs === undefined) {
      logger.warn({ event: "gap", subject }, text);
      return;
    }
    const slow = `this process did not read for ${pausedMs} ms, for which a server drops a client (slow consumer)`;
    logger.warn({ event: "gap", subject, slowConsumer: true, pausedMs }, `${text}; ${slow}`);
  }

  #overflow(): ConnectorError {
    const { subject, maxBufferedMessages, maxBufferedBytes } = this.#options.table;
    return new ConnectorError(
      "OVERFLOW",
      `more than ${maxBufferedMessages} messages or ${maxBufferedBytes} bytes of subject "${subject}" wait, and core.on_overflow is 'fail'`,
      { context: { subject, maxBufferedMessages, maxBufferedBytes } },
    );
  }

  #somethingCame(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Tells the server first, so that everything it has sent is in the ring, then hands all of it on. */
  async #drain(collector: SourceCollector, split: SplitCollector<NatsMessage>): Promise<void> {
    await this.#subscription?.drain().catch(() => {});
    for (let message = this.#ring.shift(); message !== undefined; message = this.#ring.shift()) {
      split.collect(message.data, ++this.#received, message);
      if (!collector.hasRoom) await collector.room();
    }
    collector.flush();
  }
}

function unlessAborted(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}
