import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { ConnectorError, type OperatorContext } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { fromClientError } from "../nats-errors.js";
import { HeaderCursor } from "./encoded-headers.js";
import { PublishWindow } from "./publish-window.js";
import type { Publisher } from "./publisher.js";
import { Receivers } from "./receivers.js";

export interface FlushedPublisherOptions {
  readonly link: OpenConnection;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
  /** Counts the messages that nobody received; one that is sent again may count again. */
  readonly countNoResponders: boolean;
  readonly context: Pick<OperatorContext, "counters" | "logger">;
  /** Applies the bad-data policy to a message that the server of now no longer takes. Throws under `fail`. */
  readonly refuse: (error: ConnectorError, payload: Uint8Array) => void;
}

/** A round trip begins after so much, so that the client's outbound buffer and the server's reader stay small. */
const ROUND_MESSAGES = 2000;
const ROUND_BYTES = 1024 * 1024;
const RETRY_MS = 50;

/**
 * Core publish, at least once as far as the server: messages stay in the window until a round trip (`flush`) that began
 * after them ended on the connection it began on, without a refusal. The client drops what it had buffered when a
 * connection breaks, and a later flush resolves all the same; so after each break the window is sent again, in order.
 */
export class FlushedPublisher implements Publisher {
  readonly #options: FlushedPublisherOptions;
  readonly #window: PublishWindow;
  readonly #cursor = new HeaderCursor();
  readonly #receivers: Receivers | undefined;
  readonly #plain: { reply: string } | undefined;
  readonly #withHeaders: { reply?: string; headers: HeaderCursor };
  readonly #stopListening: () => void;
  readonly #stop = new AbortController();
  /** The next message to send. */
  #next = 0;
  /** True from a break of the connection until the window has been sent again. */
  #broken = false;
  /** Everything before it should be confirmed: what the rounds work towards. */
  #wanted = 0;
  #running = false;
  #sinceRound = 0;
  #bytesSinceRound = 0;

  constructor(options: FlushedPublisherOptions) {
    this.#options = options;
    const { link } = options;
    this.#window = new PublishWindow(options.maxInFlight, options.maxInFlightBytes);
    this.#broken = !link.connected;
    const { counters } = options.context;
    if (options.countNoResponders) this.#receivers = new Receivers(link, counters, (error) => this.fail(error));
    this.#plain = this.#receivers && { reply: this.#receivers.reply };
    this.#withHeaders = { ...this.#plain, headers: this.#cursor };
    this.#stopListening = link.listen({
      disconnected: () => {
        this.#broken = true;
      },
      reconnected: () => this.#demand(),
      refused: (error) => this.#refused(error),
    });
    link.lost.addEventListener("abort", this.#onLost, { once: true });
    if (link.lost.aborted) this.#onLost();
  }

  get hasRoom(): boolean {
    return this.#window.hasRoom;
  }

  get inFlight(): number {
    return this.#window.tail - this.#window.head;
  }

  room(): Promise<void> {
    this.#demand();
    return this.#window.room();
  }

  delivered(): Promise<void> {
    this.#demand();
    return this.#window.drained();
  }

  add(subject: string, payload: Uint8Array, headers: Uint8Array | undefined): void {
    if (this.#window.failure !== undefined) throw this.#window.failure;
    const n = this.#window.add(subject, payload, headers);
    if (!this.#broken) {
      this.#next = n + 1;
      this.#publish(n);
    }
    this.#bytesSinceRound += payload.length;
    if (++this.#sinceRound >= ROUND_MESSAGES || this.#bytesSinceRound >= ROUND_BYTES) this.#demand();
  }

  fail(error: ConnectorError): void {
    this.#window.fail(error);
    this.#stop.abort();
  }

  close(): void {
    this.#stopListening();
    this.#receivers?.close();
    this.#options.link.lost.removeEventListener("abort", this.#onLost);
    this.fail(new ConnectorError("CLOSED", "the sink is closed"));
  }

  readonly #onLost = (): void => this.fail(fromClientError(this.#options.link.lost.reason, "publish"));

  #publish(n: number): void {
    const window = this.#window;
    const headers = window.headersAt(n);
    if (headers !== undefined) this.#cursor.bytes = headers;
    try {
      const { client } = this.#options.link;
      const options = headers === undefined ? this.#plain : this.#withHeaders;
      client.publish(window.subjectAt(n), window.payloadAt(n), options);
    } catch (thrown) {
      const error = fromClientError(thrown, `publish to "${window.subjectAt(n)}"`);
      if (error.code === "CONNECTION_LOST") this.#broken = true;
      else this.#giveUp(n, error);
    }
  }

  #giveUp(n: number, error: ConnectorError): void {
    try {
      this.#options.refuse(error, this.#window.payloadAt(n));
      this.#window.settle(n);
    } catch (thrown) {
      this.fail(fromClientError(thrown, "keep a refused message"));
    }
  }

  /** Asks for the confirmation of all that is in the window. */
  #demand(): void {
    this.#wanted = this.#window.tail;
    this.#sinceRound = 0;
    this.#bytesSinceRound = 0;
    if (this.#running || this.#window.failure !== undefined) return;
    this.#running = true;
    this.#rounds().catch((error: unknown) => this.fail(fromClientError(error, "publish")));
  }

  async #rounds(): Promise<void> {
    const { link, context } = this.#options;
    const window = this.#window;
    for (;;) {
      // Without a step between the last look and the end, so that no demand in between goes unheard.
      if (window.head >= this.#wanted || window.failure !== undefined) {
        this.#running = false;
        return;
      }
      await link.whenConnected(this.#stop.signal);
      if (this.#broken) this.#sendAgain();
      const { epoch } = link;
      const target = this.#next;
      try {
        await link.client.flush();
        // A refusal comes before the answer to the flush, but its event takes some more steps to reach us.
        await nextTurn();
      } catch {
        await sleep(RETRY_MS, undefined, { signal: this.#stop.signal }).catch(() => {});
        // Also when the break has not been told yet: what was under way is gone.
        this.#broken = true;
        continue;
      }
      if (link.epoch !== epoch || this.#broken || window.failure !== undefined) continue;
      context.counters.rowsOut += window.settleBefore(target);
    }
  }

  #sendAgain(): void {
    const window = this.#window;
    const again = this.#next - window.head;
    if (again > 0) this.#options.context.logger.info({ messages: again }, "sending unconfirmed messages again");
    this.#broken = false;
    for (this.#next = window.head; this.#next < window.tail && !this.#broken; this.#next++) {
      if (window.isOpen(this.#next)) this.#publish(this.#next);
    }
  }

  #refused(error: ConnectorError): void {
    if (error.code !== "PERMISSION_DENIED" || error.context.operation !== "publish") return;
    const subject = String(error.context.subject);
    if (!this.#window.holdsSubject(subject)) return;
    this.fail(fromClientError(error.cause, "publish"));
  }
}
