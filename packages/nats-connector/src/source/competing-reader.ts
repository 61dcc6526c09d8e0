import type { ConnectorError, SourceCollector, SplitCollector } from "@x/connector-api";
import { AckReplyReader } from "../jetstream/ack-reply.js";
import type { PullReader } from "../jetstream/pull-loop.js";
import type { NatsMessage } from "../nats-client.js";
import type { PassedOver } from "./passed-over.js";
import type { UnackedMessages } from "./unacked-messages.js";

export interface CompetingReaderOptions {
  readonly split: SplitCollector<NatsMessage>;
  readonly collector: SourceCollector;
  readonly unacked: UnackedMessages;
  readonly passedOver: PassedOver;
  quiet(): void;
  waiting(count: number): void;
  leaderMoved(): void;
  /** It cannot go on with this pull loop: for a reason that another one may mend, or for an error. */
  ended(end: string | ConnectorError): void;
}

/** Messages between two looks at how many are left. */
const LAG_MASK = 255;

/**
 * Takes whatever a shared consumer gives this process, in any order. What is lost on its way, or with this process, the
 * server delivers again to whoever asks; what it passes over is for `PassedOver` to see.
 */
export class CompetingReader implements PullReader {
  readonly #options: CompetingReaderOptions;
  readonly #replies = new AckReplyReader();
  #done = false;

  constructor(options: CompetingReaderOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return !this.#done && this.#options.collector.hasRoom;
  }

  room(): Promise<void> {
    return this.#options.collector.room();
  }

  message(message: NatsMessage, reply: string): void {
    const { split, unacked, passedOver } = this.#options;
    this.#replies.read(reply);
    passedOver.delivered(this.#replies.streamSeq, this.#replies.consumerSeq);
    const position = this.#replies.position(reply);
    split.collect(message.data, position, message);
    unacked.add(position, reply);
    if ((this.#replies.consumerSeq & LAG_MASK) === 0) this.#options.waiting(this.#replies.pending(reply));
  }

  idle(): void {
    this.#options.quiet();
  }

  leaderMoved(): void {
    this.#options.leaderMoved();
  }

  doubt(reason: string): void {
    this.#end(reason);
  }

  failed(error: ConnectorError): void {
    this.#end(error);
  }

  #end(end: string | ConnectorError): void {
    if (this.#done) return;
    this.#done = true;
    this.#options.ended(end);
  }
}
