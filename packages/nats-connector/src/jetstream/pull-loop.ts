import { ConnectorError, toConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { NatsMessage, NatsSubscription } from "../nats-client.js";
import { fromClientError } from "../nats-errors.js";
import type { ConsumerInfo } from "./api.js";
import { readStatus } from "./pull-status.js";

/** How much is asked for at a time. Two pulls are outstanding, so memory holds at most twice of each bound. */
export interface PullSizes {
  readonly batch: number;
  readonly maxBytes: number;
  readonly expiresMs: number;
  /** Resolves when so many more messages may be asked for; undefined: at once. */
  readonly permit?: ((count: number) => Promise<void>) | undefined;
}

/** Who reads. All are called from inside the loop, never after `stop`. */
export interface PullReader {
  /** A message, in the order of delivery. `reply` is its position. May throw: that ends the loop with `failed`. */
  message(message: NatsMessage, reply: string): void;
  /** The consumer is alive and idle; `lastConsumer` is what it says it has delivered. */
  idle(lastConsumer: number | undefined): void;
  /** The consumer has another leader now; the loop goes on. */
  leaderMoved(): void;
  /** Something may have been lost or the consumer may be gone. The loop has stopped. */
  doubt(reason: string): void;
  /** It cannot go on. The loop has stopped. */
  failed(error: ConnectorError): void;
  /** True while more may be asked for. */
  readonly hasRoom: boolean;
  /** Resolves when there is room again; rejects when there never will be. */
  room(): Promise<void>;
}

const HEARTBEAT_MS = 2000;
const TICK_MS = HEARTBEAT_MS / 2;
/** Silence of 1.5 heartbeats is asked about; after 2.5 there should be an answer, and it is acted on. */
const ASK_TICKS = 3;
const SILENT_TICKS = 5;
const BACKOFF_MS = { first: 50, last: 2000 };
const NANOSECONDS = 1_000_000;

/**
 * Raw pulls on an own inbox with a callback subscription. Knows requests, statuses and liveness; what a message means
 * is its reader's. Serves one consumer for one connection epoch: after any doubt a new one is made.
 */
export class PullLoop {
  readonly #connection: OpenConnection;
  readonly #stream: string;
  readonly #consumer: string;
  readonly #reader: PullReader;
  readonly #subject: string;
  readonly #inbox: string;
  readonly #batch: number;
  readonly #expiresMs: number;
  readonly #permit: PullSizes["permit"];
  #maxBytes: number;
  #request: Uint8Array;
  #subscription: NatsSubscription | undefined;
  /** Messages asked for and not yet received or given back. */
  #outstanding = 0;
  /** Outstanding at or below this: ask for another batch. Negative while asking must wait. */
  #threshold = -1;
  #heard = false;
  #silentTicks = 0;
  /** The consumer as it was when it had been asked about: null for no answer yet, undefined for none such. */
  #answer: ConsumerInfo | null | undefined = null;
  #unavailable = 0;
  #deliveredSinceTooLarge = true;
  #unlisten = (): void => {};
  #ticker: NodeJS.Timeout | undefined;
  #backoff: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    connection: OpenConnection,
    target: { readonly stream: string; readonly consumer: string },
    sizes: PullSizes,
    reader: PullReader,
  ) {
    this.#connection = connection;
    this.#stream = target.stream;
    this.#consumer = target.consumer;
    this.#reader = reader;
    this.#subject = `${connection.api.prefix}.CONSUMER.MSG.NEXT.${target.stream}.${target.consumer}`;
    this.#inbox = connection.newInbox();
    this.#batch = sizes.batch;
    this.#maxBytes = Math.max(sizes.maxBytes, 0);
    this.#expiresMs = sizes.expiresMs;
    this.#permit = sizes.permit;
    this.#request = this.#encodeRequest();
  }

  start(): void {
    this.#subscription = this.#connection.client.subscribe(this.#inbox, { callback: this.#receive });
    this.#unlisten = this.#connection.listen({ refused: (error) => this.#refused(error) });
    this.#ticker = setInterval(this.#tick, TICK_MS);
    this.#threshold = this.#batch;
    this.#pull();
  }

  /** Stops asking and listening at once; what is on its way is dropped. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#unlisten();
    clearInterval(this.#ticker);
    clearTimeout(this.#backoff);
    try {
      this.#subscription?.unsubscribe();
    } catch {
      // A closed connection has no subscriptions.
    }
  }

  readonly #receive = (error: Error | null, message: NatsMessage): void => {
    if (this.#stopped) return;
    try {
      if (error !== null) throw fromClientError(error, `receive on "${this.#inbox}"`);
      this.#heard = true;
      const reply = message.reply;
      // Data has a `$JS.ACK…` reply; a status has none.
      if (reply === undefined || reply.length < 9) {
        this.#status(message);
        return;
      }
      this.#outstanding -= 1;
      this.#deliveredSinceTooLarge = true;
      this.#reader.message(message, reply);
      if (this.#outstanding <= this.#threshold) this.#pull();
    } catch (thrown) {
      this.#fail(toConnectorError(thrown));
    }
  };

  #status(message: NatsMessage): void {
    const status = readStatus(message);
    switch (status.kind) {
      case "heartbeat":
        this.#reader.idle(status.lastConsumer);
        return;
      case "ended":
        this.#giveBack(status.undelivered);
        break;
      case "reset":
        this.#outstanding = 0;
        this.#reader.leaderMoved();
        break;
      case "too-large":
        this.#giveBack(status.undelivered);
        this.#raiseMaxBytes();
        break;
      case "gone":
        this.#doubt("the consumer was deleted");
        return;
      case "unavailable":
        this.#outstanding = 0;
        this.#waitForServer();
        return;
      case "refused":
        throw new ConnectorError(
          "CONSUMER_REFUSED",
          `the server refuses to deliver from stream "${this.#stream}": ${status.description}`,
          { context: { stream: this.#stream, consumer: this.#consumer } },
        );
    }
    this.#unavailable = 0;
    if (this.#outstanding <= this.#threshold) this.#pull();
  }

  /** Pulls and acks are not answered: that one is refused is known from elsewhere, and without it nothing ever comes. */
  #refused(error: ConnectorError): void {
    if (error.code !== "PERMISSION_DENIED") return;
    const own = `.${this.#stream}.${this.#consumer}`;
    // Compared without what stands before it: the server may know the subject of a domain under its own name.
    if (!`${error.context.subject}.`.includes(`${own}.`)) return;
    this.#fail(fromClientError(error.cause, `read stream "${this.#stream}"`, { stream: this.#stream }));
  }

  #giveBack(undelivered: number | undefined): void {
    this.#outstanding = undelivered === undefined ? 0 : Math.max(0, this.#outstanding - undelivered);
  }

  /** One message alone is larger than a whole pull may be: only a larger pull ever gets past it. */
  #raiseMaxBytes(): void {
    if (!this.#deliveredSinceTooLarge) {
      const largest = (this.#connection.client.info?.max_payload ?? 0) + 64 * 1024;
      this.#maxBytes = Math.max(this.#maxBytes * 2, largest);
      this.#request = this.#encodeRequest();
    }
    this.#deliveredSinceTooLarge = false;
  }

  /** Asks until two pulls are outstanding, or waits for room. */
  #pull(): void {
    while (this.#outstanding <= this.#threshold) {
      if (!this.#reader.hasRoom) {
        this.#wait(this.#reader.room(), () => this.#resume());
        return;
      }
      if (this.#permit !== undefined) {
        this.#wait(this.#permit(this.#batch), () => {
          this.#ask();
          this.#resume();
        });
        return;
      }
      this.#ask();
    }
  }

  #ask(): void {
    if (this.#stopped) return;
    this.#outstanding += this.#batch;
    this.#connection.client.publish(this.#subject, this.#request, { reply: this.#inbox });
  }

  /** Asks for nothing until the promise says so. */
  #wait(promise: Promise<void>, next: () => void): void {
    this.#threshold = -1;
    promise.then(next).catch((error: unknown) => this.#fail(toConnectorError(error)));
  }

  #resume(): void {
    if (this.#stopped) return;
    this.#threshold = this.#batch;
    this.#silentTicks = 0;
    try {
      this.#pull();
    } catch (error) {
      this.#fail(toConnectorError(error));
    }
  }

  #waitForServer(): void {
    if (this.#backoff !== undefined) return;
    const delayMs = Math.min(BACKOFF_MS.last, BACKOFF_MS.first * 2 ** this.#unavailable);
    this.#unavailable += 1;
    this.#threshold = -1;
    if (this.#unavailable > 3) {
      this.#doubt("nobody answers for the consumer");
      return;
    }
    this.#backoff = setTimeout(() => {
      this.#backoff = undefined;
      this.#resume();
    }, delayMs);
  }

  readonly #tick = (): void => {
    if (this.#heard || this.#outstanding === 0) {
      this.#heard = false;
      this.#silentTicks = 0;
      return;
    }
    if (!this.#connection.connected) return;
    this.#silentTicks += 1;
    if (this.#silentTicks === ASK_TICKS) this.#askForConsumer();
    if (this.#silentTicks !== SILENT_TICKS) return;
    try {
      this.#lookIntoSilence();
    } catch (error) {
      this.#fail(toConnectorError(error));
    }
  };

  #askForConsumer(): void {
    this.#answer = null;
    this.#connection.api.consumerInfo(this.#stream, this.#consumer).then(
      (info) => {
        this.#answer = info;
      },
      () => {},
    );
  }

  /** The consumer is gone, or out of reach, or its answers were lost. */
  #lookIntoSilence(): void {
    const info = this.#answer;
    if (info === null) this.#doubt("the server is silent");
    else if (info === undefined) this.#doubt("the consumer has vanished");
    else {
      this.#reader.idle(info.delivered.consumer_seq);
      this.#outstanding = 0;
      this.#resume();
    }
  }

  #doubt(reason: string): void {
    if (this.#stopped) return;
    this.stop();
    this.#reader.doubt(reason);
  }

  #fail(error: ConnectorError): void {
    if (this.#stopped) return;
    this.stop();
    // A lost connection or position is not the end: the reader begins again where it stands.
    if (error.retry === "never") this.#reader.failed(error);
    else this.#reader.doubt(error.message);
  }

  #encodeRequest(): Uint8Array {
    return Buffer.from(
      JSON.stringify({
        batch: this.#batch,
        max_bytes: this.#maxBytes,
        expires: this.#expiresMs * NANOSECONDS,
        idle_heartbeat: Math.min(HEARTBEAT_MS, this.#expiresMs / 2) * NANOSECONDS,
      }),
    );
  }
}
