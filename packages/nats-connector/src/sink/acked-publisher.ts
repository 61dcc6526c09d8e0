import { ConnectorError, type OperatorContext } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { NatsClient } from "../nats-client.js";
import { type ApiErrorBody, fromApiError, fromClientError, isTransient } from "../nats-errors.js";
import { AckClock } from "./ack-clock.js";
import { AckInbox } from "./ack-inbox.js";
import { Backoff } from "./backoff.js";
import { HeaderCursor } from "./encoded-headers.js";
import type { PubAck } from "./pub-ack.js";
import { answerIsLate, nobodyAnswers, storedElsewhere } from "./publish-errors.js";
import { PublishWindow } from "./publish-window.js";
import type { Publisher } from "./publisher.js";
import { StreamWatch } from "./stream-watch.js";

export interface AckedPublisherOptions {
  readonly link: OpenConnection;
  readonly stream: string;
  /** JetStream domain the stream is in, where it is in one. */
  readonly domain?: string | undefined;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
  readonly ackTimeoutMs: number;
  readonly context: Pick<OperatorContext, "counters" | "logger">;
  /** Applies the bad-data policy to a message that only the server found too large. Throws under `fail`. */
  readonly refuse: (error: ConnectorError, payload: Uint8Array) => void;
  /** Rejects when the stream can no longer take the messages: asked when nobody answers for long. */
  readonly checkStream: () => Promise<void>;
  /**
   * Of messages that expect something: how many are surely in the stream, asked when the `n`th did not find what it
   * expected. Rejects when somebody else writes.
   */
  readonly countStored?: ((n: number) => Promise<number>) | undefined;
  /**
   * Of messages that must not be stored twice: sees to it that nothing of what was sent is stored from now on. Asked
   * before anything is sent again, and again when it fails for a transient reason.
   */
  readonly renew?: (() => Promise<Renewal>) | undefined;
  /** How many messages may be under way together; undefined for the whole window. */
  readonly maxUnderWay?: number | undefined;
  /** Messages that may be added beyond the limit. */
  readonly slack?: number;
}

/** The headers that an unconfirmed message goes out with from now on; undefined for one that is in the stream. */
export type Renewal = (headers: Uint8Array) => Uint8Array | undefined;

/** `err_code`s of a message that did not find what it expected. */
const unexpected: ReadonlySet<unknown> = new Set([10070, 10071, 10164]);
const NO_HEADERS = new Uint8Array(0);
/** Times in a row that nothing of it was stored after all, and it is refused again, before it ends the sink. */
const MAX_IDLE_RECOUNTS = 8;

/**
 * Publishes into one stream, pipelined: message n goes out with a reply subject of its own, and the answer to it confirms
 * n. Order is kept: an error, a missing answer or a lost connection sends the whole unconfirmed rest again, from the
 * oldest on, first one message, then more with each answer, so that a stream that is full or has no leader is probed and
 * not flooded. An ack of any attempt says that n is stored, an error of an older attempt says nothing any more.
 */
export class AckedPublisher implements Publisher {
  readonly #options: AckedPublisherOptions;
  readonly #client: NatsClient;
  readonly #window: PublishWindow;
  readonly #inbox: AckInbox;
  readonly #cursor = new HeaderCursor();
  // The client reads both within the call and keeps neither, so one of each serves all messages.
  readonly #plain: { reply: string } = { reply: "" };
  readonly #withHeaders: { reply: string; headers: HeaderCursor } = { reply: "", headers: this.#cursor };
  readonly #stopListening: () => void;
  readonly #clock: AckClock;
  readonly #watch: StreamWatch;
  #replyEnd = "";
  #attempt = 0;
  /** The next message to send; everything before it has been sent in this attempt. */
  #next = 0;
  #idleRecounts = 0;
  /** Messages that are no rows. */
  readonly #uncounted = new Set<number>();
  /** How many messages may be under way in this attempt: all, or few after trouble. */
  #limit: number;
  readonly #maxUnderWay: number;
  #paused: boolean;
  readonly #backoff = new Backoff();

  constructor(options: AckedPublisherOptions) {
    this.#options = options;
    const { link } = options;
    this.#client = link.client;
    this.#window = new PublishWindow(options.maxInFlight, options.maxInFlightBytes, options.slack);
    this.#maxUnderWay = options.maxUnderWay ?? Number.POSITIVE_INFINITY;
    this.#limit = this.#maxUnderWay;
    this.#paused = !link.connected;
    this.#inbox = new AckInbox(link, options.stream, options.domain, {
      answered: (n, attempt, ack) => this.#answered(n, attempt, ack),
      failed: (error) => this.fail(error),
    });
    this.#stopListening = link.listen({
      disconnected: () => this.#pause(),
      reconnected: () => this.#restart(0),
      refused: (error) => this.#refused(error),
    });
    link.lost.addEventListener("abort", this.#onLost, { once: true });
    if (link.lost.aborted) this.#onLost();
    const { stream, checkStream, ackTimeoutMs: timeoutMs } = options;
    this.#watch = new StreamWatch({ stream, checkStream, gone: (error) => this.fail(error) });
    this.#clock = new AckClock({
      timeoutMs,
      oldest: () => (this.#paused || this.#window.head >= this.#next ? undefined : this.#window.head),
      late: () => this.#unanswered(answerIsLate(options, timeoutMs)),
    });
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

  /** How many messages were added: the number of the next one. */
  get added(): number {
    return this.#window.tail;
  }

  /** Adds a message that is no row. */
  addUncounted(subject: string, payload: Uint8Array, headers: Uint8Array): void {
    this.#uncounted.add(this.#window.tail);
    this.add(subject, payload, headers);
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
    this.#clock.stop();
    this.#stopListening();
    this.#options.link.lost.removeEventListener("abort", this.#onLost);
    this.#inbox.close();
    this.fail(new ConnectorError("CLOSED", `the sink into stream "${this.#options.stream}" is closed`));
  }

  readonly #onLost = (): void => {
    this.fail(fromClientError(this.#options.link.lost.reason, `publish to stream "${this.#options.stream}"`));
  };

  #publish(n: number, subject: string, payload: Uint8Array, headers: Uint8Array | undefined): void {
    const options = headers === undefined ? this.#plain : this.#withHeaders;
    options.reply = this.#inbox.replyOf(n, this.#replyEnd);
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

  #answered(n: number, attempt: number, ack: PubAck): void {
    if (ack.kind === "stored") {
      if (!this.#window.settle(n)) return;
      this.#count(n);
      if (this.#attempt > 0 || this.#limit < this.#window.maxMessages) this.#progressed();
      return;
    }
    if (attempt !== this.#attempt || !this.#window.isOpen(n)) return;
    if (ack.kind === "no_responders") this.#unanswered(nobodyAnswers(this.#options));
    else if (ack.kind === "other_stream") this.fail(storedElsewhere(this.#window.subjectAt(n), this.#options, ack));
    else this.#rejected(n, ack.error);
  }

  #progressed(): void {
    if (this.#backoff.failures > 0) {
      this.#options.context.logger.info({ stream: this.#options.stream }, "publishing goes on");
      this.#backoff.reset();
      this.#watch.answered();
    }
    this.#idleRecounts = 0;
    if (this.#limit < this.#maxUnderWay) this.#limit++;
    this.#pump();
  }

  #count(n: number): void {
    if (this.#uncounted.size > 0 && this.#uncounted.delete(n)) return;
    this.#options.context.counters.rowsOut += 1;
  }

  #rejected(n: number, body: ApiErrorBody): void {
    const subject = this.#window.subjectAt(n);
    const error = fromApiError(body, `publish to "${subject}"`, { stream: this.#options.stream, subject });
    const { countStored } = this.#options;
    if (countStored !== undefined && unexpected.has(body.err_code)) this.#recount(n, countStored, error);
    else if (error.retry === "backoff") {
      const wasAlone = n === this.#window.head && this.#next === n + 1;
      this.#restart(this.#backoff.ms, error, !(wasAlone && error.code === "CAPACITY"));
    } else if (error.exitCode === 6) {
      this.#giveUp(n, error);
      this.#pump();
    } else this.fail(error);
  }

  /** What is in the stream is settled, the rest is sent again behind it. */
  #recount(n: number, countStored: (n: number) => Promise<number>, cause: ConnectorError): void {
    this.#begin();
    const attempt = this.#attempt;
    const again = (delayMs: number): void => {
      if (attempt === this.#attempt) this.#restart(delayMs);
    };
    countStored(n).then(
      (count) => {
        const { head } = this.#window;
        for (let i = head; i < Math.min(count, this.#window.tail); i++) if (this.#window.settle(i)) this.#count(i);
        this.#idleRecounts = this.#window.head > head ? 0 : this.#idleRecounts + 1;
        // What was only not known to be stored is no reason to wait.
        if (this.#idleRecounts === 0) again(0);
        else if (this.#idleRecounts < MAX_IDLE_RECOUNTS) again(this.#backoff.ms);
        else this.fail(new ConnectorError("POSITION_LOST", cause.message, { cause, context: cause.context }));
      },
      (reason: unknown) => {
        if (isTransient(reason)) again(this.#backoff.ms);
        else this.fail(fromClientError(reason, `publish to stream "${this.#options.stream}"`));
      },
    );
  }

  #unanswered(reason: ConnectorError): void {
    this.#restart(this.#backoff.ms, reason);
    this.#watch.unanswered();
  }

  #refused(error: ConnectorError): void {
    if (error.code !== "PERMISSION_DENIED" || error.context.operation !== "publish") return;
    const subject = String(error.context.subject);
    if (!this.#window.holdsSubject(subject)) return;
    const { stream } = this.#options;
    this.fail(fromClientError(error.cause, `publish to stream "${stream}"`, { stream }));
  }

  #pause(): void {
    this.#paused = true;
    this.#backoff.cancel();
  }

  /** Stops sending; what an older attempt is answered from here on says nothing but yes. */
  #begin(): void {
    this.#pause();
    this.#attempt += 1;
    this.#replyEnd = `.${this.#attempt}`;
  }

  /**
   * Begins a new attempt: everything unconfirmed is sent again, in order, after a pause. `isUnderWay`: something of this
   * attempt may still arrive.
   */
  #restart(delayMs: number, reason?: ConnectorError, isUnderWay = true): void {
    this.#begin();
    if (this.#window.failure !== undefined) return;
    if (reason !== undefined && this.#backoff.failures === 0) {
      const { code, context } = reason;
      this.#options.context.logger.warn(
        { code, ...context, unconfirmed: this.inFlight },
        `${reason.message}; retrying`,
      );
    }
    this.#next = this.#window.head;
    this.#limit = 1;
    const { renew, link } = this.#options;
    this.#backoff.again(delayMs, () => {
      if (renew === undefined || !isUnderWay || this.inFlight === 0 || !link.connected) this.#resume();
      else this.#resumeRenewed(renew());
    });
  }

  #resume(): void {
    // Off line, the next reconnect begins another attempt.
    if (!this.#options.link.connected || this.#window.failure !== undefined) return;
    this.#paused = false;
    this.#clock.restart();
    this.#pump();
  }

  #renewAll(renewal: Renewal): void {
    const window = this.#window;
    if (window.failure !== undefined) return;
    for (let n = window.head; n < window.tail; n++) {
      if (!window.isOpen(n)) continue;
      const headers = renewal(window.headersAt(n) ?? NO_HEADERS);
      if (headers !== undefined) window.setHeaders(n, headers);
      else if (window.settle(n)) this.#count(n);
    }
    this.#next = window.head;
  }

  #resumeRenewed(renewing: Promise<Renewal>): void {
    const attempt = this.#attempt;
    renewing.then(
      (renewal) => {
        if (attempt !== this.#attempt) return;
        this.#renewAll(renewal);
        this.#resume();
      },
      (reason: unknown) => {
        if (!isTransient(reason)) this.fail(fromClientError(reason, `publish to stream "${this.#options.stream}"`));
        else if (attempt === this.#attempt) this.#restart(this.#backoff.ms);
      },
    );
  }
}
