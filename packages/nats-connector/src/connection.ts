import type { OperatorContext } from "@x/connector-api";
import type { JetStreamApi } from "./jetstream/api.js";
import type { NatsClient } from "./nats-client.js";
import type { LinkListeners } from "./watch-link.js";

/** What an operator needs of its context to connect. */
export type LinkContext = Pick<OperatorContext, "signal" | "logger" | "counters" | "onEvent">;

/**
 * An operator's hold of a connection, which lives at least as long as the operator and survives its server. Others may
 * hold the same client. Reconnecting is the client's work; what it means for data under way is the operator's: see
 * `epoch`.
 */
export interface OpenConnection extends AsyncDisposable {
  readonly client: NatsClient;
  readonly api: JetStreamApi;
  /** JetStream domain the API is asked for. */
  readonly domain: string | undefined;
  readonly connected: boolean;
  /** Grows by one with every disconnect: what was sent or on its way under an older epoch may be lost. */
  readonly epoch: number;
  /** Aborted when the connection is given up for good, with a ConnectorError as reason. */
  readonly lost: AbortSignal;
  /** Resolves when connected, at once if so; rejects with the reason of `lost`, or ABORTED. */
  whenConnected(signal?: AbortSignal): Promise<void>;
  /** Listens until the returned function is called. Listeners must not throw. */
  listen(listeners: LinkListeners): () => void;
  /** A fresh subject under the configured inbox prefix, for one subscription. */
  newInbox(): string;
  /**
   * A checkpoint has just been completed: a good moment to renew credentials that near their end, which reconnects.
   * Never rejects.
   */
  boundary(): Promise<void>;
  /** Lets go of the client, which is closed when nobody else holds it and it was dialled here. Idempotent. */
  close(): Promise<void>;
}
