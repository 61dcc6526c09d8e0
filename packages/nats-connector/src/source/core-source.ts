import {
  ConnectorError,
  createRateLimit,
  type Decoder,
  type Deserialization,
  type OperatorContext,
  type RateLimitConfig,
  type SourceCollector,
  type SourceContext,
  type SourceFinish,
  type SourceOperator,
  type SourceSnapshot,
  type SplitCollector,
  toConnectorError,
} from "@x/connector-api";
import { openSourceDeadLetters, type SourceDeadLetters } from "../dead-letter/source-dead-letters.js";
import { abortable } from "../jetstream/api.js";
import { describeCoreMessage } from "../message-metadata.js";
import type { NatsMessage, NatsSubscription } from "../nats-client.js";
import { fromClientError } from "../nats-errors.js";
import type { OpenConnection } from "../open-connection.js";
import type { CoreSourceTable } from "../table-config.js";
import { MessageRing } from "./message-ring.js";

export interface CoreSourceOptions {
  readonly table: CoreSourceTable;
  connect(context: OperatorContext): Promise<OpenConnection>;
  openDecoder(signal: AbortSignal): Promise<Decoder>;
  readonly deserialization: Omit<Deserialization<NatsMessage>, "decoder" | "describe">;
  readonly rateLimit?: RateLimitConfig | undefined;
}

const SPLIT = "0";

/**
 * Reads a Core subject: what is published while it listens, at most once. Nothing slows a publisher down, so what waits
 * is bounded and the overflow policy decides; every drop is counted, and every reconnect is a gap of unknown size.
 * The position is a running count that means nothing to a later start.
 */
export function createCoreSource(options: CoreSourceOptions): SourceOperator {
  return new CoreSource(options);
}

class CoreSource implements SourceOperator {
  readonly name: string;
  readonly #options: CoreSourceOptions;
  readonly #ring: MessageRing;
  #connection: OpenConnection | undefined;
  #decoder: Decoder | undefined;
  #letters: SourceDeadLetters | undefined;
  #subscription: NatsSubscription | undefined;
  #split: SplitCollector<NatsMessage> | undefined;
  #received = 0;
  #failure: ConnectorError | undefined;
  /** Wakes the reading loop: something came, or something ended. */
  #wake = (): void => {};

  constructor(options: CoreSourceOptions) {
    const { maxBufferedMessages: maxMessages, maxBufferedBytes: maxBytes, onOverflow, subject } = options.table;
    this.#options = options;
    this.#ring = new MessageRing({ maxMessages, maxBytes, onOverflow });
    this.name = `nats subject ${subject}`;
  }

  async open(context: SourceContext): Promise<void> {
    const { table } = this.#options;
    if (context.untilCaughtUp) {
      throw new ConnectorError(
        "UNSUPPORTED",
        `Core subject "${table.subject}" has no end to catch up with; read a stream`,
      );
    }
    this.#connection = await this.#options.connect(context);
    this.#decoder = await this.#options.openDecoder(context.signal);
    const input = { stream: undefined, subjects: [table.subject] };
    const { badData } = this.#options.deserialization;
    this.#letters = await openSourceDeadLetters(badData, input, this.#connection, context);
    const { client } = this.#connection;
    const callback = (error: Error | null, message: NatsMessage): void => this.#receive(context, error, message);
    const { queueGroup: queue } = table;
    this.#subscription = client.subscribe(table.subject, queue === undefined ? { callback } : { queue, callback });
    this.#connection.listen({
      reconnected: () => {
        context.counters.gaps += 1;
        context.logger.warn({ subject: table.subject }, "reconnected: messages published meanwhile were not received");
      },
    });
    // The server has the subscription, or has refused it, before `open` is done.
    await client.flush().catch((error: unknown) => {
      throw fromClientError(error, `subscribe to "${table.subject}"`);
    });
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  async run(context: SourceContext, collector: SourceCollector): Promise<SourceFinish> {
    const { deserialization, rateLimit } = this.#options;
    const decoder = opened(this.#decoder);
    const deadLetters = this.#letters;
    collector.initialize<NatsMessage>({ ...deserialization, decoder, describe: describeCoreMessage, deadLetters });
    const split = collector.split<NatsMessage>(SPLIT);
    this.#split = split;
    const limit = rateLimit && createRateLimit(rateLimit.messagesPerSecond);
    const lost = AbortSignal.any([opened(this.#connection).lost, ...(deadLetters ? [deadLetters.failed] : [])]);
    const stop = AbortSignal.any([context.signal, context.drain, lost]);
    stop.addEventListener("abort", () => this.#wake(), { once: true });
    const ring = this.#ring;
    while (!stop.aborted && this.#failure === undefined) {
      if (ring.length === 0) {
        await this.#somethingCame();
        continue;
      }
      if (!collector.hasRoom) await abortable(collector.room(), stop).catch(unlessAborted(stop));
      if (stop.aborted) break;
      if (limit !== undefined) await limit.take(1, stop).catch(unlessAborted(stop));
      for (let message = ring.shift(); message !== undefined; message = ring.shift()) {
        split.collect(message.data, ++this.#received, message);
        if (limit !== undefined || !collector.hasRoom) break;
      }
      if (ring.length === 0) collector.flush();
    }
    if (context.signal.aborted) return "immediate";
    if (this.#failure !== undefined) throw this.#failure;
    if (lost.aborted) throw lost.reason;
    await this.#drain(collector, split);
    return "graceful";
  }

  snapshot(): SourceSnapshot {
    const received = String(this.#split?.handedOn ?? 0);
    return new Map([[SPLIT, { v: 1, subject: this.#options.table.subject, received }]]);
  }

  async flush(): Promise<void> {
    await this.#letters?.delivered();
  }

  checkpointCompleted(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    this.#letters?.close();
    if (this.#subscription?.isClosed() === false) this.#subscription.unsubscribe();
    await connection.close();
  }

  /** Never throws: an exception here would end the client's reader. */
  #receive(context: SourceContext, error: Error | null, message: NatsMessage): void {
    try {
      if (error !== null) throw fromClientError(error, `subscribe to "${this.#options.table.subject}"`);
      const dropped = this.#ring.push(message);
      if (dropped === "fail") throw this.#overflow();
      context.counters.droppedRows += dropped;
    } catch (thrown) {
      this.#failure ??= toConnectorError(thrown);
    }
    this.#wake();
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

function opened<T>(value: T | undefined): T {
  if (value === undefined) throw new ConnectorError("UNEXPECTED", "used before open, or after close");
  return value;
}
