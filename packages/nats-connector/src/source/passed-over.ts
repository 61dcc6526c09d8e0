import type { SequencePair, StreamInfo } from "../jetstream/api.js";
import type { Loss } from "./loss.js";
import { countPassedOver, lossUnderWay } from "./shared-loss.js";

export interface PassedOverOptions {
  /** False where the consumer passes over messages by design: then nothing is told. */
  readonly tells: boolean;
  /** The farthest delivery when reading began. */
  readonly farthest: SequencePair;
  streamInfo(): Promise<StreamInfo>;
  /** Messages that nobody was given are gone. Every process that reads on behind them is told. */
  lost(loss: Loss): void;
}

interface Jump {
  readonly after: number;
  next: number;
  count: number;
}

/**
 * Sees in the numbers of deliveries that a shared consumer has passed over messages, and asks the stream whether they are
 * gone from its head or were deleted one by one, which is no loss. `delivered` runs once per message.
 */
export class PassedOver {
  readonly #options: PassedOverOptions;
  #streamSeq: number;
  #consumerSeq: number;
  #jump: Jump | undefined;
  #isAsking = false;

  constructor(options: PassedOverOptions) {
    this.#options = options;
    this.#streamSeq = options.farthest.stream_seq;
    this.#consumerSeq = options.farthest.consumer_seq;
  }

  /** See `PassedOverOptions`. */
  get tells(): boolean {
    return this.#options.tells;
  }

  get farthest(): SequencePair {
    return { stream_seq: this.#streamSeq, consumer_seq: this.#consumerSeq };
  }

  delivered(streamSeq: number, consumerSeq: number): void {
    // One that came before comes again.
    if (streamSeq <= this.#streamSeq) return;
    // A consumer that has lost its last deliveries with a server counts them anew.
    if (streamSeq - this.#streamSeq > consumerSeq - this.#consumerSeq && consumerSeq > this.#consumerSeq) {
      this.#passedOver({ stream_seq: streamSeq, consumer_seq: consumerSeq });
    }
    this.#streamSeq = streamSeq;
    this.#consumerSeq = consumerSeq;
  }

  /** Everything up to here has been delivered, or is not for the consumer. */
  seen({ stream_seq, consumer_seq }: SequencePair): void {
    if (stream_seq <= this.#streamSeq) return;
    this.#streamSeq = stream_seq;
    this.#consumerSeq = consumer_seq;
  }

  #passedOver(next: SequencePair): void {
    if (!this.tells) return;
    const { farthest } = this;
    const count = countPassedOver(farthest, next);
    if (this.#jump === undefined) this.#jump = { after: farthest.stream_seq, next: next.stream_seq, count };
    else {
      this.#jump.next = next.stream_seq;
      this.#jump.count += count;
    }
    if (!this.#isAsking) void this.#ask();
  }

  /** One question at a time, however many jumps there are. */
  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      for (let jump = this.#jump; jump !== undefined; jump = this.#jump) {
        const info = await this.#options.streamInfo();
        this.#jump = undefined;
        const loss = lossUnderWay(info, jump.after, jump.next, jump.count);
        if (loss !== undefined) this.#options.lost(loss);
      }
    } catch {
      // The next jump, or the next attachment, asks again.
    } finally {
      this.#isAsking = false;
    }
  }
}
