import type { SourceContext } from "@x/connector-api";
import type { JetStreamApi } from "../jetstream/api.js";
import type { LagGauge } from "./lag-gauge.js";

const LOOK_INTERVAL_MS = 10_000;

/**
 * Tells a consumer that an administrator has paused (2.11) from one that has nothing to deliver: both are alive and
 * quiet. Asks when it gets quiet and now and then while it stays so; also learns how much waits.
 */
export class PauseWatch {
  readonly #target: { readonly stream: string; readonly consumer: string };
  readonly #api: JetStreamApi;
  readonly #context: SourceContext;
  readonly #lag: LagGauge;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isPaused = false;

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

  /** Nothing came since the last heartbeat. */
  look(): void {
    if (!this.#isPaused) this.#lag.set(0);
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_INTERVAL_MS && !this.#isPaused) return;
    this.#lookedAt = now;
    // The next heartbeat asks again; who cannot be asked is no more silent for it.
    this.#ask().catch(() => {});
  }

  async #ask(): Promise<void> {
    const { stream, consumer } = this.#target;
    const { logger, signal } = this.#context;
    const info = await this.#api.consumerInfo(stream, consumer, signal);
    if (info === undefined) return;
    this.#lag.set(info.num_pending);
    const isPaused = info.paused === true;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    const facts = { event: isPaused ? "paused" : "resumed", stream, consumer };
    if (isPaused) {
      const remainingMs = Math.round((info.pause_remaining ?? 0) / 1_000_000);
      logger.warn({ ...facts, remainingMs }, "the consumer is paused by an administrator");
    } else logger.info(facts, "the consumer is no longer paused");
  }
}
