import type { ConnectorError } from "@x/connector-api";

const NOTHING = new Uint8Array(0);

interface FlushWaiter {
  readonly target: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The messages that the server has not confirmed yet, numbered in the order they were accepted: those from `head` (the
 * oldest unconfirmed one) to before `tail`. Subject, payload and headers are kept by reference, to be sent again.
 * Bounded in messages and bytes; who fills it asks `hasRoom` first. Once failed, everything that waits rejects.
 */
export class PublishWindow {
  head = 0;
  tail = 0;
  bytes = 0;
  failure: ConnectorError | undefined;
  readonly maxMessages: number;
  readonly #maxBytes: number;
  readonly #mask: number;
  readonly #subjects: string[];
  readonly #payloads: Uint8Array[];
  readonly #headers: (Uint8Array | undefined)[];
  readonly #settled: Uint8Array;
  #roomWaiters: FlushWaiter[] = [];
  #flushWaiters: FlushWaiter[] = [];

  /** `slack`: how many messages may be added although there is no room. */
  constructor(maxMessages: number, maxBytes: number, slack = 0) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(2, maxMessages + slack)));
    this.maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
    this.#mask = capacity - 1;
    this.#subjects = new Array<string>(capacity).fill("");
    this.#payloads = new Array<Uint8Array>(capacity).fill(NOTHING);
    this.#headers = new Array<Uint8Array | undefined>(capacity).fill(undefined);
    this.#settled = new Uint8Array(capacity);
  }

  /** False when full in messages or bytes; the last message taken may reach beyond the limit of bytes. */
  get hasRoom(): boolean {
    return this.tail - this.head < this.maxMessages && this.bytes < this.#maxBytes;
  }

  /** Takes a message; only while `hasRoom`. Returns its number. */
  add(subject: string, payload: Uint8Array, headers: Uint8Array | undefined): number {
    const n = this.tail++;
    const slot = n & this.#mask;
    this.#subjects[slot] = subject;
    this.#payloads[slot] = payload;
    this.#headers[slot] = headers;
    this.#settled[slot] = 0;
    this.bytes += sizeOf(payload, headers);
    return n;
  }

  subjectAt(n: number): string {
    return this.#subjects[n & this.#mask] ?? "";
  }

  payloadAt(n: number): Uint8Array {
    return this.#payloads[n & this.#mask] ?? NOTHING;
  }

  headersAt(n: number): Uint8Array | undefined {
    return this.#headers[n & this.#mask];
  }

  /** Gives an open message other headers. */
  setHeaders(n: number, headers: Uint8Array): void {
    this.bytes += headers.length - (this.headersAt(n)?.length ?? 0);
    this.#headers[n & this.#mask] = headers;
  }

  /** True for a message that is in the window and neither confirmed nor given up. */
  isOpen(n: number): boolean {
    return n >= this.head && n < this.tail && this.#settled[n & this.#mask] === 0;
  }

  /** Whether a message to this subject waits for confirmation. Looks at all of them: for errors only. */
  holdsSubject(subject: string): boolean {
    for (let n = this.head; n < this.tail; n++) if (this.isOpen(n) && this.subjectAt(n) === subject) return true;
    return false;
  }

  /** Ends one message. False when it had ended before. */
  settle(n: number): boolean {
    if (!this.isOpen(n)) return false;
    const slot = n & this.#mask;
    this.bytes -= sizeOf(this.#payloads[slot] ?? NOTHING, this.#headers[slot]);
    this.#settled[slot] = 1;
    this.#payloads[slot] = NOTHING;
    this.#headers[slot] = undefined;
    if (n === this.head) {
      do this.head++;
      while (this.head < this.tail && this.#settled[this.head & this.#mask] === 1);
      this.#wake();
    }
    return true;
  }

  /** Ends all messages before `target`. Returns how many there were. */
  settleBefore(target: number): number {
    let count = 0;
    for (let n = this.head; n < target; n++) if (this.settle(n)) count++;
    return count;
  }

  /** Resolves when there is room again: at once, or when half of the window is free. */
  room(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.hasRoom) return Promise.resolve();
    return new Promise((resolve, reject) => this.#roomWaiters.push({ target: 0, resolve, reject }));
  }

  /** Resolves when every message accepted before the call has ended. */
  drained(): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const target = this.tail;
    if (this.head >= target) return Promise.resolve();
    return new Promise((resolve, reject) => this.#flushWaiters.push({ target, resolve, reject }));
  }

  /** Makes every wait of now and later reject with the first error given. */
  fail(error: ConnectorError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const waiters = [...this.#roomWaiters, ...this.#flushWaiters];
    this.#roomWaiters = [];
    this.#flushWaiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  #wake(): void {
    while (this.#flushWaiters.length > 0) {
      const first = this.#flushWaiters[0];
      if (first === undefined || first.target > this.head) break;
      this.#flushWaiters.shift();
      first.resolve();
    }
    if (this.#roomWaiters.length === 0) return;
    if ((this.tail - this.head) * 2 > this.maxMessages || this.bytes * 2 > this.#maxBytes) return;
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const waiter of waiters) waiter.resolve();
  }
}

function sizeOf(payload: Uint8Array, headers: Uint8Array | undefined): number {
  return headers === undefined ? payload.length : payload.length + headers.length;
}
