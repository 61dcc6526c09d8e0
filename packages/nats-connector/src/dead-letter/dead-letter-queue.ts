import { ConnectorError, createCounters, type OperatorContext, toConnectorError } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { StreamInfo } from "../jetstream/api.js";
import type { AckedPublisher } from "../sink/acked-publisher.js";
import { openAckedPublisher } from "../sink/open-acked-publisher.js";
import { readTargetStream } from "../sink/target-stream.js";

const WINDOW = { maxInFlight: 1024, maxInFlightBytes: 8 * 1024 * 1024, ackTimeoutMs: 5000 };

interface Letter {
  readonly payload: Uint8Array;
  readonly headers: Uint8Array;
}

/**
 * Dead letters on their way to their stream, with acks, over the connection of the operator. Bounded by the window of
 * the publisher and what its owner had asked for when the window was full: that waits here until there is room.
 */
export class DeadLetterQueue {
  /** Aborted with a ConnectorError when letters can no longer be written: the operator must end with it. */
  readonly failed: AbortSignal;
  readonly stream: string;
  readonly #subject: string;
  readonly #publisher: AckedPublisher;
  readonly #maxBytes: () => number;
  readonly #failure = new AbortController();
  #waiting: Letter[] = [];
  #feeding: Promise<void> | undefined;
  #watching = false;
  #closed = false;

  constructor(subject: string, stream: string, publisher: AckedPublisher, maxBytes: () => number) {
    this.failed = this.#failure.signal;
    this.stream = stream;
    this.#subject = subject;
    this.#publisher = publisher;
    this.#maxBytes = maxBytes;
  }

  get hasRoom(): boolean {
    return this.#waiting.length === 0 && this.#publisher.hasRoom;
  }

  /** Resolves when there is room; rejects once the queue has failed. */
  async room(): Promise<void> {
    await this.#feeding;
    await this.#publisher.room();
  }

  /** Takes bytes of its own over. Throws MESSAGE_TOO_LARGE for a letter that the server does not take. */
  write(payload: Uint8Array, headers: Uint8Array): void {
    const bytes = payload.length + headers.length;
    const maxBytes = this.#maxBytes();
    if (bytes > maxBytes) {
      const text = `a dead letter to "${this.#subject}" would have ${bytes} bytes with its headers, more than the ${maxBytes} that its stream and server take`;
      throw new ConnectorError("MESSAGE_TOO_LARGE", text, { context: { subject: this.#subject, bytes, maxBytes } });
    }
    if (this.failed.aborted) return;
    if (this.hasRoom) this.#publisher.add(this.#subject, payload, headers);
    else {
      this.#waiting.push({ payload, headers });
      this.#feeding ??= this.#feed();
    }
    if (!this.#watching) void this.#watch();
  }

  /** Resolves when every letter written before the call is confirmed; rejects when one never will be. */
  async delivered(): Promise<void> {
    if (this.failed.aborted) throw this.failed.reason;
    await this.#feeding;
    await this.#publisher.delivered();
  }

  /** Ends every wait of now and later with the error. */
  fail(error: ConnectorError): void {
    this.#publisher.fail(error);
  }

  close(): void {
    this.#closed = true;
    this.#publisher.close();
  }

  /** Never rejects: a failure is the publisher's, and every wait asks the publisher next. */
  async #feed(): Promise<void> {
    const waiting = this.#waiting;
    try {
      for (let next = 0; next < waiting.length; next++) {
        const { payload, headers } = waiting[next] as Letter;
        await this.#publisher.room();
        this.#publisher.add(this.#subject, payload, headers);
      }
      this.#waiting = [];
      this.#feeding = undefined;
    } catch {}
  }

  /** Tells of a failure also when nobody waits for it. */
  async #watch(): Promise<void> {
    this.#watching = true;
    try {
      do await this.delivered();
      while (this.#waiting.length > 0 || this.#publisher.inFlight > 0);
    } catch (error) {
      if (!this.#closed) this.#failure.abort(toConnectorError(error));
    }
    this.#watching = false;
  }
}

/** Opens the queue into a stream that was found for the subject. Letters are no rows: they are not in `rowsOut`. */
export async function openDeadLetterQueue(
  subject: string,
  { config }: StreamInfo,
  link: OpenConnection,
  context: OperatorContext,
): Promise<DeadLetterQueue> {
  const publisher = await openAckedPublisher(
    {
      ...WINDOW,
      link,
      stream: config.name,
      context: { logger: context.logger, counters: createCounters() },
      refuse: (error) => {
        throw error;
      },
      checkStream: async () => void (await readTargetStream(link.api, config.name, subject, "dead_letter.subject")),
    },
    context.signal,
  );
  const { max_msg_size = -1 } = config;
  const own = max_msg_size > 0 ? max_msg_size : Number.POSITIVE_INFINITY;
  let server = Number.POSITIVE_INFINITY;
  const maxBytes = (): number => {
    server = link.client.info?.max_payload ?? server;
    return Math.min(own, server);
  };
  const queue = new DeadLetterQueue(subject, config.name, publisher, maxBytes);
  const stop = (): void => queue.fail(new ConnectorError("ABORTED", "stopped", { cause: context.signal.reason }));
  if (context.signal.aborted) stop();
  else context.signal.addEventListener("abort", stop, { once: true });
  return queue;
}
