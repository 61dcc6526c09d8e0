import { type ConnectorError, toConnectorError } from "@x/connector-api";

/** What messages are handed to. */
export interface Fed {
  readonly hasRoom: boolean;
  room(): Promise<void>;
  fail(error: ConnectorError): void;
}

type Send = () => Promise<void> | void;

/**
 * Messages that have to follow one another and are more than a publisher has room for, or have to wait for something:
 * handed over as room comes. Until the last of them is, whoever else has something to send adds it here.
 */
export class Feed {
  readonly #publisher: Fed;
  #waiting: Send[] = [];
  #running: Promise<void> | undefined;

  constructor(publisher: Fed) {
    this.#publisher = publisher;
  }

  get isIdle(): boolean {
    return this.#running === undefined;
  }

  /** Resolves when nothing waits; rejects when the publisher has failed. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Calls `send` once everything added before was sent and there is room. What comes next waits until it resolves. */
  add(send: Send): void {
    this.#waiting.push(send);
    if (this.#running !== undefined) return;
    this.#running = this.#run();
    this.#running.catch((error: unknown) => this.#publisher.fail(toConnectorError(error)));
  }

  async #run(): Promise<void> {
    // Not within `add`: it is running only once that has returned.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const sends = this.#waiting;
      this.#waiting = [];
      for (const send of sends) {
        if (!this.#publisher.hasRoom) await this.#publisher.room();
        const sending = send();
        if (sending !== undefined) await sending;
      }
    }
    this.#running = undefined;
  }
}
