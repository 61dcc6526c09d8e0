import type { ConnectorError, OperatorContext } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { NatsSubscription } from "../nats-client.js";
import { fromClientError } from "../nats-errors.js";

const NO_RESPONDERS = 503;

/**
 * Counts Core publishes that nobody received: a message with a reply subject on which nobody listens is answered by the
 * server at once, before it answers a flush. What receivers reply is not looked at.
 */
export class Receivers {
  /** Where the server answers to; each message goes out with it. */
  readonly reply: string;
  readonly #link: OpenConnection;
  readonly #subscription: NatsSubscription;

  /** `failed`: the server does not let this user hear answers. */
  constructor(
    link: OpenConnection,
    counters: Pick<OperatorContext["counters"], "noResponders">,
    failed: (error: ConnectorError) => void,
  ) {
    this.#link = link;
    this.reply = link.newInbox();
    this.#subscription = link.client.subscribe(this.reply, {
      callback: (error, message) => {
        if (error !== null) failed(fromClientError(error, "hear who receives what is published"));
        else if (message.data.length === 0 && message.headers?.code === NO_RESPONDERS) counters.noResponders += 1;
      },
    });
  }

  close(): void {
    if (!this.#subscription.isClosed() && !this.#link.client.isClosed()) this.#subscription.unsubscribe();
  }
}
