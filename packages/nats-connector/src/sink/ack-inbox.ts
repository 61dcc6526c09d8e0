import type { ConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { NatsMessage, NatsSubscription } from "../nats-client.js";
import { fromClientError } from "../nats-errors.js";
import { createPubAckReader, type PubAck } from "./pub-ack.js";

export interface AckListener {
  /** An answer to the message `n` as it was sent in `attempt`. */
  answered(n: number, attempt: number, ack: PubAck): void;
  /** No answer will come any more. */
  failed(error: ConnectorError): void;
}

/**
 * One subscription of our own for the answers to all messages: message `n` goes out with the reply subject `<inbox>.<n>`,
 * in later attempts `<inbox>.<n>.<attempt>`. The number is read digit by digit; no object is made for an answer.
 */
export class AckInbox {
  readonly #link: OpenConnection;
  readonly #start: string;
  readonly #listener: AckListener;
  readonly #readAck: (message: NatsMessage) => PubAck;
  readonly #subscription: NatsSubscription;

  constructor(link: OpenConnection, stream: string, domain: string | undefined, listener: AckListener) {
    this.#link = link;
    this.#listener = listener;
    this.#readAck = createPubAckReader(stream, domain);
    const inbox = link.newInbox();
    this.#start = `${inbox}.`;
    this.#subscription = link.client.subscribe(`${inbox}.>`, {
      callback: (error, message) => {
        // An exception here would end the client's reader.
        try {
          if (error !== null) listener.failed(fromClientError(error, "receive publish acknowledgements"));
          else this.#read(message);
        } catch (thrown) {
          listener.failed(fromClientError(thrown, `publish to stream "${stream}"`));
        }
      },
    });
  }

  /** The reply subject of message `n`; `attempt` is empty for the first, else `.<attempt>`. */
  replyOf(n: number, attempt: string): string {
    return `${this.#start}${n}${attempt}`;
  }

  close(): void {
    if (!this.#subscription.isClosed() && !this.#link.client.isClosed()) this.#subscription.unsubscribe();
  }

  #read(message: NatsMessage): void {
    const { subject } = message;
    let n = 0;
    let i = this.#start.length;
    for (; i < subject.length; i++) {
      const digit = subject.charCodeAt(i) - 48;
      if (digit < 0) break;
      n = n * 10 + digit;
    }
    const attempt = i < subject.length ? Number(subject.slice(i + 1)) : 0;
    this.#listener.answered(n, attempt, this.#readAck(message));
  }
}
