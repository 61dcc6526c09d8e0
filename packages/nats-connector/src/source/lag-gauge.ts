import type { OperatorCounters } from "@x/connector-api";

/** What waits for one split, within the sum over all splits of a source that hosts see. */
export class LagGauge {
  readonly #counters: OperatorCounters;
  #own = 0;

  constructor(counters: OperatorCounters) {
    this.#counters = counters;
  }

  set(waiting: number): void {
    this.#counters.lag = (this.#counters.lag ?? 0) + waiting - this.#own;
    this.#own = waiting;
  }
}
