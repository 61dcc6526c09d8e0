import { setImmediate as nextTurn } from "node:timers/promises";
import { ConnectorError, type OperatorContext } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { fromClientError } from "../nats-errors.js";
import { HeaderCursor } from "./encoded-headers.js";
import type { Publisher } from "./publisher.js";
import { Receivers } from "./receivers.js";

export interface UnconfirmedPublisherOptions {
  readonly link: OpenConnection;
  /** Counts the messages that nobody received. */
  readonly countNoResponders?: boolean;
  readonly context: Pick<OperatorContext, "counters" | "logger">;
}

const ROUND_MESSAGES = 2000;
const ROUND_BYTES = 1024 * 1024;

/**
 * At most once: a message is handed to the client and forgotten. It waits while there is no connection, and for a round
 * trip now and then (backpressure); what was under way when a connection broke is lost, logged, and counted as
 * unconfirmed.
 */
export class UnconfirmedPublisher implements Publisher {
  readonly #options: UnconfirmedPublisherOptions;
  readonly #cursor = new HeaderCursor();
  readonly #receivers: Receivers | undefined;
  readonly #plain: { reply: string } | undefined;
  readonly #withHeaders: { reply?: string; headers: HeaderCursor };
  readonly #stopListening: () => void;
  readonly #stop = new AbortController();
  #failure: ConnectorError | undefined;
  /** Of each message since the last round trip. */
  #subjects: string[] = [];
  #bytes = 0;
  /** The connection epoch of the messages since the last round trip. */
  #epoch: number;
  #round: Promise<void> | undefined;

  constructor(options: UnconfirmedPublisherOptions) {
    this.#options = options;
    this.#epoch = options.link.epoch;
    const { link, context, countNoResponders } = options;
    if (countNoResponders) this.#receivers = new Receivers(link, context.counters, (error) => this.fail(error));
    this.#plain = this.#receivers && { reply: this.#receivers.reply };
    this.#withHeaders = { ...this.#plain, headers: this.#cursor };
    this.#stopListening = options.link.listen({
      refused: (error) => {
        if (error.code !== "PERMISSION_DENIED" || error.context.operation !== "publish") return;
        // A refusal is of the connection, which may be others' too: it says nothing of which message it is for.
        if (!this.#subjects.includes(String(error.context.subject))) return;
        this.fail(fromClientError(error.cause, "publish"));
      },
    });
  }

  get hasRoom(): boolean {
    return this.#subjects.length < ROUND_MESSAGES && this.#bytes < ROUND_BYTES && this.#options.link.connected;
  }

  get inFlight(): number {
    return this.#subjects.length;
  }

  add(subject: string, payload: Uint8Array, headers: Uint8Array | undefined): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { client } = this.#options.link;
    if (headers !== undefined) this.#cursor.bytes = headers;
    try {
      client.publish(subject, payload, headers === undefined ? this.#plain : this.#withHeaders);
    } catch (error) {
      throw fromClientError(error, `publish to "${subject}"`);
    }
    this.#subjects.push(subject);
    this.#bytes += payload.length;
  }

  room(): Promise<void> {
    return this.delivered();
  }

  delivered(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#round ??= this.#roundTrip().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  fail(error: ConnectorError): void {
    this.#failure ??= error;
    this.#stop.abort();
  }

  close(): void {
    this.#stopListening();
    this.#receivers?.close();
    this.fail(new ConnectorError("CLOSED", "the sink is closed"));
  }

  async #roundTrip(): Promise<void> {
    const { link, context } = this.#options;
    const messages = this.#subjects.length;
    const bytes = this.#bytes;
    let kept = link.epoch === this.#epoch;
    try {
      if (messages > 0 && link.connected) await link.client.flush();
      // A refusal comes before the answer to the flush, but its event takes some more steps to reach us.
      await nextTurn();
    } catch {
      kept = false;
    }
    if (this.#failure === undefined) {
      await link
        .whenConnected(this.#stop.signal)
        .catch((error: unknown) => this.fail(fromClientError(error, "publish")));
    }
    if (this.#failure !== undefined) throw this.#failure;
    kept &&= link.epoch === this.#epoch;
    if (kept) context.counters.rowsOut += messages;
    else if (messages > 0) {
      context.counters.unconfirmedRows += messages;
      context.logger.warn({ messages }, "the connection broke: these messages may be lost");
    }
    this.#epoch = link.epoch;
    this.#subjects = this.#subjects.slice(messages);
    this.#bytes -= bytes;
  }
}
