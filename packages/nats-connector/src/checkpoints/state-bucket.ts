import { setMaxListeners } from "node:events";
import { abortable, ConnectorError, createCounters, isConnectorError, type Logger } from "@x/connector-api";
import type { LinkContext, OpenConnection } from "../connection.js";
import { createKvBucket, type KvBucket } from "../jetstream/kv-bucket.js";
import { readBucket } from "./read-bucket.js";
import { untilAnswered } from "./until-answered.js";

export interface StateBucketOptions {
  readonly bucket: string;
  /** Makes the bucket when it is missing. */
  readonly create: boolean;
  readonly logger: Logger;
  /** Budget of the first call. */
  readonly connectTimeoutMs: number;
  connect(context: LinkContext): Promise<OpenConnection>;
}

interface Opened {
  readonly link: OpenConnection;
  readonly bucket: KvBucket;
}

/** Unanswered attempts after which the bucket itself is looked for: nobody answers for one that is gone. */
const SUSPICIOUS = 3;

/**
 * The bucket of a store, opened when it is first needed. Once it is open every call outlives its server: it is repeated
 * until it is answered, the store is closed or the connection is given up.
 */
export class StateBucket {
  readonly #options: StateBucketOptions;
  readonly #stop = new AbortController();
  #opening: Promise<Opened> | undefined;

  constructor(options: StateBucketOptions) {
    this.#options = options;
    // Every call under way listens, however many pipelines there are.
    setMaxListeners(0, this.#stop.signal);
  }

  /** `question` must be safe to repeat. Rejects with STATE_STORE, or with the coded error of the connection. */
  async ask<T>(question: (bucket: KvBucket) => Promise<T>): Promise<T> {
    const { link, bucket } = await this.#open();
    const { signal } = this.#stop;
    try {
      return await untilAnswered({ link, signal, deadline: Number.POSITIVE_INFINITY }, async (attempts) => {
        if (attempts > SUSPICIOUS) await bucket.check();
        return question(bucket);
      });
    } catch (error) {
      throw signal.aborted ? this.#closed() : this.#refusal(error);
    }
  }

  /** One attempt, for what may as well be done later. */
  async tryOnce(question: (bucket: KvBucket) => Promise<void>): Promise<void> {
    const { bucket } = await this.#open();
    await abortable(question(bucket), this.#stop.signal);
  }

  /** Ends every wait with CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.link.close();
  }

  async #open(): Promise<Opened> {
    if (this.#stop.signal.aborted) throw this.#closed();
    const before = this.#opening;
    const opened = await before;
    if (opened?.link.lost.aborted && this.#opening === before) {
      this.#opening = undefined;
      await opened.link.close();
    }
    this.#opening ??= this.#connect().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #connect(): Promise<Opened> {
    const { connect, connectTimeoutMs, logger, bucket, create } = this.#options;
    const { signal } = this.#stop;
    const deadline = Date.now() + connectTimeoutMs;
    const link = await connect({ signal, logger, counters: createCounters() });
    try {
      const stream = await untilAnswered({ link, signal, deadline }, () => readBucket(bucket, link, create));
      return { link, bucket: createKvBucket(bucket, stream, link) };
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  #closed(): ConnectorError {
    return new ConnectorError("CLOSED", `the store nats-kv:${this.#options.bucket} is closed`);
  }

  /** What a medium that refuses is to its host: worth another try when it is full, final when it is gone. */
  #refusal(error: unknown): unknown {
    if (!isConnectorError(error)) return error;
    const { code, message, context } = error;
    const place = `nats-kv:${this.#options.bucket}`;
    switch (code) {
      case "CAPACITY":
        return new ConnectorError("STATE_STORE", `${place} is full: ${message}`, { cause: error, context });
      case "STREAM_NOT_FOUND":
      case "MESSAGE_TOO_LARGE":
        return new ConnectorError("STATE_STORE", `${place}: ${message}`, { cause: error, context, retry: "never" });
      default:
        return error;
    }
  }
}
