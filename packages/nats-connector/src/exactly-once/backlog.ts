import type { ConnectorError } from "@x/connector-api";

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: ConnectorError) => void;
}

/** Outputs that wait to be committed, over all splits: bounded in messages and bytes by who asks `hasRoom`. */
export class Backlog {
  failure: ConnectorError | undefined;
  readonly #maxOutputs: number;
  readonly #maxBytes: number;
  #outputs = 0;
  #bytes = 0;
  #waiters: Waiter[] = [];

  constructor(maxOutputs: number, maxBytes: number) {
    this.#maxOutputs = maxOutputs;
    this.#maxBytes = maxBytes;
  }

  get hasRoom(): boolean {
    return this.#outputs < this.#maxOutputs && this.#bytes < this.#maxBytes;
  }

  get outputs(): number {
    return this.#outputs;
  }

  grow(outputs: number, bytes: number): void {
    this.#outputs += outputs;
    this.#bytes += bytes;
  }

  shrink(outputs: number, bytes: number): void {
    this.#outputs -= outputs;
    this.#bytes -= bytes;
    if (!this.hasRoom || this.#waiters.length === 0) return;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  /** Resolves when there is room again; rejects once it has failed. */
  room(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.hasRoom) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Ends every wait of now and later. */
  fail(error: ConnectorError): void {
    this.failure ??= error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.failure);
  }
}
