import type { SourceContext } from "@x/connector-api";
import type { ConsumerInfo, JetStreamApi } from "../jetstream/api.js";
import type { LagGauge } from "./lag-gauge.js";

const LOOK_INTERVAL_MS = 10_000;

/**
 * Finds out why a consumer is alive and quiet: it has nothing to deliver, an administrator has paused it (2.11), or its
 * server is cut off from the stream's leader and gets nothing new. Asks when it gets quiet and now and then while it stays
 * so; also learns how much waits.
 */
export class QuietWatch {
  readonly #target: { readonly stream: string; readonly consumer: string };
  readonly #api: JetStreamApi;
  readonly #context: SourceContext;
  readonly #lag: LagGauge;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isPaused = false;
  /** Looks in a row at which nobody answered for the stream. */
  #unanswered = 0;

  constructor(
    target: { readonly stream: string; readonly consumer: string },
    api: JetStreamApi,
    context: SourceContext,
    lag: LagGauge,
  ) {
    this.#target = target;
    this.#api = api;
    this.#context = context;
    this.#lag = lag;
  }

  /** Nothing came since the last heartbeat. `doubt` is called when the quiet must not be believed. */
  look(doubt: (reason: string) => void): void {
    if (!this.#isPaused) this.#lag.set(0);
    const now = performance.now();
    const isUsual = !this.#isPaused && this.#unanswered === 0;
    if (isUsual && now - this.#lookedAt < LOOK_INTERVAL_MS) return;
    this.#lookedAt = now;
    // The next heartbeat asks again; who cannot be asked is no more silent for it.
    this.#askForConsumer().catch(() => {});
    this.#askForStream(doubt).catch(() => {});
  }

  async #askForConsumer(): Promise<void> {
    const { stream, consumer } = this.#target;
    const info = await this.#api.consumerInfo(stream, consumer, this.#context.signal);
    if (info !== undefined) this.#learn(info);
  }

  #learn(info: ConsumerInfo): void {
    this.#lag.set(info.num_pending);
    const isPaused = info.paused === true;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    const { logger } = this.#context;
    const facts = { event: isPaused ? "paused" : "resumed", ...this.#target };
    if (isPaused) {
      const remainingMs = Math.round((info.pause_remaining ?? 0) / 1_000_000);
      logger.warn({ ...facts, remainingMs }, "the consumer is paused by an administrator");
    } else logger.info(facts, "the consumer is no longer paused");
  }

  /** A consumer with one replica needs no quorum: it stays alive beside a stream that has none. An election is over sooner. */
  async #askForStream(doubt: (reason: string) => void): Promise<void> {
    try {
      await this.#api.streamInfo(this.#target.stream, this.#context.signal);
      this.#unanswered = 0;
    } catch {
      this.#unanswered += 1;
      if (this.#unanswered > 1) doubt("nobody answers for the stream");
    }
  }
}
