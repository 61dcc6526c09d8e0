import { ConnectorError, type OperatorContext } from "@x/connector-api";
import type { NatsClient, NatsMessage, NatsSubscription } from "../nats-client.js";
import { type ApiErrorBody, fromApiError, fromClientError } from "../nats-errors.js";
import type { OpenConnection } from "../open-connection.js";
import { HeaderCursor } from "./encoded-headers.js";
import { createPubAckReader } from "./pub-ack.js";
import { PublishWindow } from "./publish-window.js";
import type { Publisher } from "./publisher.js";

export interface AckedPublisherOptions {
  readonly link: OpenConnection;
  readonly stream: string;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
  readonly ackTimeoutMs: number;
  readonly context: Pick<OperatorContext, "counters" | "logger">;
  /** Applies the bad-data policy to a message that only the server found too large. Throws under `fail`. */
  readonly refuse: (error: ConnectorError, payload: Uint8Array) => void;
  /** Rejects when the stream can no longer take the messages: asked when nobody answers for long. */
  readonly checkStream: () => Promise<void>;
}

const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 2000;
/** Unanswered attempts in a row after which the stream is looked at, and refusals in a row that end the sink. */
const SUSPICIOUS = 3;

/**
 * Publishes into one stream, pipelined: message n goes out with the reply subject `<inbox>.<n>`, on one subscription of
 * our own, and the answer to it confirms n. Order is kept: an error, a missing answer or a lost connection sends the
 * whole unconfirmed rest again, from the oldest on, first one message, then more with each answer, so that a stream that
 * is full or has no leader is probed and not flooded. Later attempts reply to `<inbox>.<n>.<attempt>`: an ack of any
 * attempt says that n is stored, an error of an older attempt says nothing any more.
 */
export class AckedPublisher implements Publisher {
  readonly #options: AckedPublisherOptions;
  readonly #client: NatsClient;
  readonly #window: PublishWindow;
  readonly #readAck: (message: NatsMessage) => ReturnType<ReturnType<typeof createPubAckReader>>;
  readonly #replyStart: string;
  readonly #subscription: NatsSubscription;
  readonly #cursor = new HeaderCursor();
  // The client reads both within the call and keeps neither, so one of each serves all messages.
  readonly #plain: { reply: string } = { reply: "" };
  readonly #withHeaders: { reply: string; headers: HeaderCursor } = { reply: "", headers: this.#cursor };
  readonly #stopListening: () => void;
  readonly #ticker: NodeJS.Timeout;
  #replyEnd = "";
  #attempt = 0;
  /** The next message to send; everything before it has been sent in this attempt. */
  #next = 0;
  /** How many messages may be under way in this attempt: all, or few after trouble. */
  #limit: number;
  #paused: boolean;
  #failures = 0;
  #unanswered = 0;
  #absent = 0;
  #resume: NodeJS.Timeout | undefined;
  #lastHead = 0;
  #lastMoveMs = performance.now();

  constructor(options: AckedPublisherOptions) {
    this.#options = options;
    const { link } = options;
    this.#client = link.client;
    this.#window = new PublishWindow(options.maxInFlight, options.maxInFlightBytes);
    this.#limit = options.maxInFlight;
    this.#paused = !link.connected;
    this.#readAck = createPubAckReader(options.stream);
    const inbox = link.newInbox();
    this.#replyStart = `${inbox}.`;
    this.#subscription = link.client.subscribe(`${inbox}.>`, {
      callback: (error, message) => {
        // An exception here would end the client's reader.
        try {
          if (error !== null) this.fail(fromClientError(error, "receive publish acknowledgements"));
          else this.#answered(message);
        } catch (thrown) {
          this.fail(fromClientError(thrown, `publish to stream "${options.stream}"`));
        }
      },
    });
    this.#stopListening = link.listen({
      disconnected: () => this.#pause(),
      reconnected: () => this.#restart(0),
      refused: (error) => this.#refused(error),
    });
    link.lost.addEventListener("abort", this.#onLost, { once: true });
    if (link.lost.aborted) this.#onLost();
    this.#ticker = setInterval(() => this.#tick(), Math.max(10, options.ackTimeoutMs / 10));
    this.#ticker.unref();
  }

  get hasRoom(): boolean {
    return this.#window.hasRoom;
  }

  get inFlight(): number {
    return this.#window.tail - this.#window.head;
  }

  room(): Promise<void> {
    return this.#window.room();
  }

  delivered(): Promise<void> {
    return this.#window.drained();
  }

  add(subject: string, payload: Uint8Array, headers: Uint8Array | undefined): void {
    const window = this.#window;
    if (window.failure !== undefined) throw window.failure;
    const n = window.add(subject, payload, headers);
    if (this.#next === n && !this.#paused && n - window.head < this.#limit) {
      this.#next = n + 1;
      this.#publish(n, subject, payload, headers);
    }
  }

  /** Ends publishing for good; every wait rejects with the error. */
  fail(error: ConnectorError): void {
    this.#pause();
    this.#window.fail(error);
  }

  close(): void {
    clearInterval(this.#ticker);
    this.#stopListening();
    this.#options.link.lost.removeEventListener("abort", this.#onLost);
    if (!this.#subscription.isClosed() && !this.#client.isClosed()) this.#subscription.unsubscribe();
    this.fail(new ConnectorError("CLOSED", `the sink into stream "${this.#options.stream}" is closed`));
  }

  readonly #onLost = (): void => {
    this.fail(fromClientError(this.#options.link.lost.reason, `publish to stream "${this.#options.stream}"`));
  };

  #publish(n: number, subject: string, payload: Uint8Array, headers: Uint8Array | undefined): void {
    const options = headers === undefined ? this.#plain : this.#withHeaders;
    options.reply = `${this.#replyStart}${n}${this.#replyEnd}`;
    if (headers !== undefined) this.#cursor.bytes = headers;
    try {
      this.#client.publish(subject, payload, options);
    } catch (error) {
      this.#notSent(n, fromClientError(error, `publish to "${subject}"`));
    }
  }

  #notSent(n: number, error: ConnectorError): void {
    if (error.code === "MESSAGE_TOO_LARGE") this.#giveUp(n, error);
    // A closed connection: `lost` says why, very soon.
    else if (error.code === "CONNECTION_LOST") this.#pause();
    else this.fail(error);
  }

  /** One message that no retry can bring home: the policy decides whether the others may go on without it. */
  #giveUp(n: number, error: ConnectorError): void {
    if (!this.#window.isOpen(n)) return;
    try {
      this.#options.refuse(error, this.#window.payloadAt(n));
      this.#window.settle(n);
    } catch (thrown) {
      this.fail(fromClientError(thrown, "keep a refused message"));
    }
  }

  #pump(): void {
    const window = this.#window;
    while (!this.#paused && this.#next < window.tail && this.#next - window.head < this.#limit) {
      const n = this.#next++;
      if (window.isOpen(n)) this.#publish(n, window.subjectAt(n), window.payloadAt(n), window.headersAt(n));
    }
  }

  #answered(message: NatsMessage): void {
    const { subject } = message;
    let n = 0;
    let i = this.#replyStart.length;
    for (; i < subject.length; i++) {
      const digit = subject.charCodeAt(i) - 48;
      if (digit < 0) break;
      n = n * 10 + digit;
    }
    const ack = this.#readAck(message);
    if (ack.kind === "stored") {
      if (!this.#window.settle(n)) return;
      this.#options.context.counters.rowsOut += 1;
      if (this.#attempt > 0) this.#progressed();
      return;
    }
    const attempt = i < subject.length ? Number(subject.slice(i + 1)) : 0;
    if (attempt !== this.#attempt || !this.#window.isOpen(n)) return;
    if (ack.kind === "no_responders") this.#unreachable();
    else if (ack.kind === "other_stream") this.fail(this.#mismatch(n, ack.stream));
    else this.#rejected(n, ack.error);
  }

  #progressed(): void {
    if (this.#failures > 0) {
      this.#options.context.logger.info({ stream: this.#options.stream }, "publishing goes on");
      this.#failures = 0;
      this.#unanswered = 0;
      this.#absent = 0;
    }
    if (this.#limit < this.#window.maxMessages) this.#limit++;
    this.#pump();
  }

  #mismatch(n: number, stream: string): ConnectorError {
    const subject = this.#window.subjectAt(n);
    return new ConnectorError(
      "STREAM_MISMATCH",
      `"${subject}" was stored in stream "${stream}", not in "${this.#options.stream}"`,
      { context: { subject, stream, expected: this.#options.stream } },
    );
  }

  #rejected(n: number, body: ApiErrorBody): void {
    const subject = this.#window.subjectAt(n);
    const error = fromApiError(body, `publish to "${subject}"`, { stream: this.#options.stream, subject });
    if (error.retry === "backoff") this.#restart(this.#backoffMs(), error);
    else if (error.exitCode === 6) {
      this.#giveUp(n, error);
      this.#pump();
    } else this.fail(error);
  }

  #unreachable(): void {
    this.#unanswered += 1;
    const stream = this.#options.stream;
    const text = `nobody answers for stream "${stream}"`;
    this.#restart(this.#backoffMs(), new ConnectorError("SERVER_UNAVAILABLE", text, { context: { stream } }));
    if (this.#unanswered < SUSPICIOUS) return;
    this.#options.checkStream().then(
      () => {
        this.#absent = 0;
      },
      (reason: unknown) => {
        const error = fromClientError(reason, `publish to stream "${stream}"`);
        // One such answer may come from a server that is still finding its streams.
        if (error.retry === "never" && ++this.#absent >= SUSPICIOUS) this.fail(error);
      },
    );
  }

  #refused(error: ConnectorError): void {
    if (error.code !== "PERMISSION_DENIED" || error.context.operation !== "publish") return;
    const subject = String(error.context.subject);
    if (!this.#window.holdsSubject(subject)) return;
    const { stream } = this.#options;
    this.fail(fromClientError(error.cause, `publish to stream "${stream}"`, { stream }));
  }

  #backoffMs(): number {
    return Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
  }

  #pause(): void {
    this.#paused = true;
    clearTimeout(this.#resume);
    this.#resume = undefined;
  }

  /** Begins a new attempt: everything unconfirmed is sent again, in order, after a pause. */
  #restart(delayMs: number, reason?: ConnectorError): void {
    this.#pause();
    if (this.#window.failure !== undefined) return;
    if (reason !== undefined && this.#failures === 0) {
      const { code, context } = reason;
      this.#options.context.logger.warn(
        { code, ...context, unconfirmed: this.inFlight },
        `${reason.message}; retrying`,
      );
    }
    this.#failures += 1;
    this.#attempt += 1;
    this.#replyEnd = `.${this.#attempt}`;
    this.#next = this.#window.head;
    this.#limit = 1;
    const go = (): void => {
      // Off line, the next reconnect begins another attempt.
      if (!this.#options.link.connected) return;
      this.#paused = false;
      this.#lastMoveMs = performance.now();
      this.#pump();
    };
    if (delayMs === 0) go();
    else this.#resume = setTimeout(go, delayMs);
  }

  /** Looks whether the oldest message has waited too long for its answer. */
  #tick(): void {
    const { head } = this.#window;
    const now = performance.now();
    if (this.#paused || head >= this.#next || head !== this.#lastHead) {
      this.#lastHead = head;
      this.#lastMoveMs = now;
      return;
    }
    const { ackTimeoutMs, stream } = this.#options;
    if (now - this.#lastMoveMs < ackTimeoutMs) return;
    const text = `no acknowledgement from stream "${stream}" for ${ackTimeoutMs} ms`;
    this.#restart(this.#backoffMs(), new ConnectorError("SERVER_UNAVAILABLE", text, { context: { stream } }));
  }
}
