import type { ConnectorError } from "@x/connector-api";
import { fromClientError } from "../nats-errors.js";

/** Unanswered attempts in a row after which the stream is looked at, and refusals in a row that end the sink. */
const SUSPICIOUS = 3;

export interface StreamWatchOptions {
  readonly stream: string;
  /** Rejects when the stream can no longer take the messages. */
  readonly checkStream: () => Promise<void>;
  readonly gone: (error: ConnectorError) => void;
}

/** Finds out whether a stream that does not answer is away for a while or gone for good. */
export class StreamWatch {
  readonly #options: StreamWatchOptions;
  #unanswered = 0;
  #absent = 0;

  constructor(options: StreamWatchOptions) {
    this.#options = options;
  }

  answered(): void {
    this.#unanswered = 0;
    this.#absent = 0;
  }

  unanswered(): void {
    this.#unanswered += 1;
    if (this.#unanswered < SUSPICIOUS) return;
    const { stream, checkStream, gone } = this.#options;
    checkStream().then(
      () => {
        this.#absent = 0;
      },
      (reason: unknown) => {
        const error = fromClientError(reason, `publish to stream "${stream}"`);
        // One such answer may come from a server that is still finding its streams.
        if (error.retry === "never" && ++this.#absent >= SUSPICIOUS) gone(error);
      },
    );
  }
}
