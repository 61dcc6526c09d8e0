import type { NatsMessage } from "../nats-client.js";

/** What to do with a message that has no room. */
export type OverflowPolicy = "drop_newest" | "drop_oldest" | "fail";

export interface RingLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly onOverflow: OverflowPolicy;
}

/** What became of a message: kept, or at the cost of so many messages; `fail` says that there was no room. */
export type Pushed = number | "fail";

/** A first-in first-out of messages, bounded in number and in bytes, those of headers and subject included. */
export class MessageRing {
  readonly #limits: RingLimits;
  #messages: (NatsMessage | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#messages.length - this.#head;
  }

  /** Messages dropped to obey the limits: this one, which may be larger than the ring, or older ones to make room for it. */
  push(message: NatsMessage): Pushed {
    const { maxMessages, maxBytes, onOverflow } = this.#limits;
    const size = sizeOf(message);
    if (size > maxBytes) return onOverflow === "fail" ? "fail" : 1;
    let dropped = 0;
    while (this.length >= maxMessages || this.#bytes + size > maxBytes) {
      if (onOverflow === "fail") return "fail";
      if (onOverflow === "drop_newest") return 1;
      this.shift();
      dropped += 1;
    }
    this.#messages.push(message);
    this.#bytes += size;
    return dropped;
  }

  shift(): NatsMessage | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#messages[this.#head] = undefined;
    this.#head += 1;
    this.#bytes -= sizeOf(message);
    // Amortised: half of the array is holes now.
    if (this.#head > 1024 && this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    return message;
  }
}

function sizeOf(message: NatsMessage): number {
  return message.size?.() ?? message.data.length;
}
