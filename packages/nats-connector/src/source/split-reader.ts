import { ConnectorError, type SourceCollector, type SplitCollector, toConnectorError } from "@x/connector-api";
import type { AckReplyReader } from "../jetstream/ack-reply.js";
import type { StreamInfo } from "../jetstream/api.js";
import type { PullReader } from "../jetstream/pull-loop.js";
import type { NatsMessage } from "../nats-client.js";
import type { Acks } from "./acks.js";
import type { HeadWatch } from "./head-watch.js";
import type { Jump } from "./jumps.js";
import type { LagGauge } from "./lag-gauge.js";

/** Why reading from one consumer ended. */
export type ReadEnd =
  | { readonly kind: "caught-up" }
  /** The first pass of `last_per_subject` is over for a consumer that was made for the rest of it. */
  | { readonly kind: "pass-over" }
  | { readonly kind: "doubt"; readonly reason: string }
  | { readonly kind: "failed"; readonly error: ConnectorError };

export interface SplitReaderOptions {
  /** Last message handed to the collector by earlier readers, or the place to start after. */
  readonly cursor: number;
  /** Reading is done when the cursor reaches it or nothing is left to deliver; undefined: never. */
  readonly target: number | undefined;
  /** Up to here sequences may jump by design, because of a filter or a limit per subject: a jump then says nothing. */
  readonly jumpsUntil: number;
  /** Of a filtered split of a stream with limits; undefined where other jumps tell, or nothing can. */
  readonly head: HeadWatch | undefined;
  /** Up to here nothing more is for this split, whatever is gone. */
  seen(): number;
  /** Messages behind it are for another consumer; undefined where all are for this one. */
  readonly passEnd: number | undefined;
  readonly split: SplitCollector<NatsMessage>;
  readonly collector: SourceCollector;
  readonly lag: LagGauge;
  /** Undefined on a consumer without acks: nothing is remembered then. */
  readonly acks: Acks | undefined;
  readonly replies: AckReplyReader;
  /** What the stream says of jumps. Rejects when a message that was jumped over is in it. */
  lookInto(jumps: readonly Jump[]): Promise<StreamInfo>;
  /**
   * These messages are gone from the stream. True: go on behind them; false: this is for the next attachment to decide.
   * Throws when they are behind what was read already and are not let pass.
   */
  passOver(info: StreamInfo, range: Jump): boolean;
  /** The number of the consumer's last delivery when nothing is left to deliver; undefined when something is. */
  lastDelivery(): Promise<number | undefined>;
  /** Nothing came for a while. */
  quiet(): void;
  leaderMoved(): void;
  ended(end: ReadEnd): void;
}

/** Messages between two looks at how many are left. */
const LAG_MASK = 255;
/** Jumps asked about at a time. */
const MOST_JUMPS = 100;

/**
 * Reads the messages of one consumer: checks that none is missing and hands each to the collector once, in order.
 * `message` runs once per message and makes no object.
 */
export class SplitReader implements PullReader {
  /** Last sequence given to the collector. */
  cursor: number;
  /** Position of that message; undefined before the first. */
  position: string | undefined;
  /** Messages dropped because they had been read before. */
  duplicates = 0;
  /** Sequences that were deleted one by one inside of what the stream still holds: no gap. */
  interiorDeletes = 0;
  readonly #split: SplitCollector<NatsMessage>;
  readonly #collector: SourceCollector;
  readonly #replies: AckReplyReader;
  readonly #acks: Acks | undefined;
  readonly #options: SplitReaderOptions;
  /** The last message that counts. */
  readonly #last: number;
  readonly #passEnd: number;
  readonly #stopsWhenEmpty: boolean;
  /** Number of the last delivery. */
  consumerSeq = 0;
  /** Jumps up to here are known to be no gap. */
  #trustedSeq: number;
  /** Messages behind a jump, until the stream has said what is between. */
  #held: NatsMessage[] | undefined;
  /** Done when it has. Until then nothing more is asked for, so that no more is held than two pulls bring. */
  #answer: Promise<void> | undefined;
  #done = false;

  constructor(options: SplitReaderOptions) {
    this.cursor = options.cursor;
    this.#options = options;
    this.#split = options.split;
    this.#collector = options.collector;
    this.#replies = options.replies;
    this.#acks = options.acks;
    this.#passEnd = options.passEnd ?? Number.POSITIVE_INFINITY;
    this.#last = Math.min(this.#passEnd, options.target ?? Number.POSITIVE_INFINITY);
    this.#stopsWhenEmpty = options.target !== undefined || options.passEnd !== undefined;
    this.#trustedSeq = options.jumpsUntil;
  }

  get hasRoom(): boolean {
    return !this.#done && this.#held === undefined && this.#collector.hasRoom;
  }

  room(): Promise<void> {
    if (this.#answer !== undefined) return this.#answer;
    const { head } = this.#options;
    return head === undefined ? this.#collector.room() : this.#collector.room().then(() => head.waited());
  }

  message(message: NatsMessage, reply: string): void {
    if (this.#done) return;
    const replies = this.#replies;
    replies.read(reply);
    const consumerSeq = replies.consumerSeq;
    if (consumerSeq !== this.consumerSeq + 1) throw lostInFlight(this.consumerSeq, consumerSeq);
    this.consumerSeq = consumerSeq;
    if (!this.#keeps(message)) this.#take(message, reply);
  }

  idle(lastConsumer: number | undefined): void {
    if (lastConsumer !== undefined && lastConsumer !== this.consumerSeq) {
      throw lostInFlight(this.consumerSeq, lastConsumer);
    }
    if (this.#held !== undefined) return;
    this.#options.head?.idle();
    if (this.#options.head?.isUnsure === true) this.#hold([]);
    this.#options.quiet();
    if (this.#stopsWhenEmpty) this.#finishWhenEmpty();
  }

  leaderMoved(): void {
    this.#options.leaderMoved();
  }

  doubt(reason: string): void {
    this.#end({ kind: "doubt", reason });
  }

  failed(error: ConnectorError): void {
    this.#end({ kind: "failed", error });
  }

  /** `reply` is the last one read. */
  #take(message: NatsMessage, reply: string): void {
    const replies = this.#replies;
    const streamSeq = replies.streamSeq;
    if (streamSeq !== this.cursor + 1) {
      if (streamSeq <= this.cursor) {
        this.duplicates += 1;
        this.#acks?.delivered(streamSeq, replies.consumerSeq);
        return;
      }
      if (streamSeq > this.#passEnd) {
        this.#finish();
        return;
      }
      if (streamSeq > this.#trustedSeq + 1 || this.#options.head?.jumps() === true) {
        this.#hold([message]);
        return;
      }
    }
    const position = replies.position(reply);
    this.#split.collect(message.data, position, message);
    this.cursor = streamSeq;
    this.position = position;
    if (this.#acks !== undefined) this.#acks.delivered(streamSeq, replies.consumerSeq);
    if (this.#options.head !== undefined) this.#options.head.delivered(replies.pending(reply));
    if ((streamSeq & LAG_MASK) === 0) this.#options.lag.set(replies.pending(reply));
    if (streamSeq >= this.#last || (this.#stopsWhenEmpty && replies.pending(reply) === 0)) this.#finish();
  }

  /** Nothing behind a jump may be handed on before it is known to be none: a checkpoint would pass over the gap. */
  #hold(held: NatsMessage[], then = (): void => {}): void {
    this.#held = held;
    const { jumps, count } = this.#jumpsIn(held);
    this.#answer = this.#options.lookInto(jumps).then(
      (info) => {
        this.#answer = undefined;
        if (!this.#done) this.#release(held, count, info);
        if (!this.#done && this.#held === undefined) then();
      },
      (error: unknown) => this.doubt(toConnectorError(error).message),
    );
  }

  /** True when it is held, behind others. */
  #keeps(message: NatsMessage): boolean {
    this.#held?.push(message);
    return this.#held !== undefined;
  }

  /** The first jumps in what is held, and how many of the messages have been looked at for them. */
  #jumpsIn(held: readonly NatsMessage[]): { readonly jumps: readonly Jump[]; readonly count: number } {
    const jumps: Jump[] = [];
    let last = Math.max(this.cursor, this.#trustedSeq);
    let count = 0;
    for (const message of held) {
      const streamSeq = this.#sequenceOf(message);
      if (streamSeq > last + 1) {
        if (jumps.length === MOST_JUMPS) break;
        jumps.push({ from: last + 1, to: streamSeq - 1 });
      }
      last = Math.max(last, streamSeq);
      count += 1;
    }
    return { jumps, count };
  }

  /** The answer is about the first `count`. What came behind the question may be younger than it: another jump is asked about. */
  #release(held: readonly NatsMessage[], count: number, info: StreamInfo): void {
    this.#held = undefined;
    try {
      if (!this.#isBehindHead(held, info)) return;
      for (const [i, message] of held.entries()) {
        if (this.#done) return;
        if (this.#keeps(message)) continue;
        const streamSeq = this.#sequenceOf(message);
        const jump = { from: Math.max(this.cursor, this.#trustedSeq) + 1, to: streamSeq - 1 };
        if (jump.from <= jump.to) {
          if (i >= count) {
            this.#hold(held.slice(i));
            return;
          }
          if (!this.#isPassed(jump, info)) return;
        }
        this.#take(message, message.reply ?? "");
      }
    } catch (error) {
      this.failed(error as ConnectorError);
    }
  }

  /** True when reading goes on: the head of the stream has not come behind the reader, or that may pass. */
  #isBehindHead(held: readonly NatsMessage[], info: StreamInfo): boolean {
    const { head, seen, passOver } = this.#options;
    const next = held.length === 0 ? undefined : this.#sequenceOf(held[0]);
    const gone = head?.look(info.state.first_seq, Math.max(this.cursor, seen()), next);
    if (gone === undefined || passOver(info, gone)) return true;
    this.doubt(`messages behind ${this.cursor} are gone`);
    return false;
  }

  /** True when reading goes on behind a jump. */
  #isPassed(jump: Jump, info: StreamInfo): boolean {
    if (info.state.first_seq <= jump.from) this.interiorDeletes += jump.to - jump.from + 1;
    else if (!this.#options.passOver(info, jump)) {
      this.doubt(`messages behind ${this.cursor} are gone`);
      return false;
    }
    this.#trustedSeq = jump.to;
    return true;
  }

  #sequenceOf(message: NatsMessage | undefined): number {
    this.#replies.read(message?.reply ?? "");
    return this.#replies.streamSeq;
  }

  /**
   * A paused consumer is as quiet as an empty one: only a count tells them apart. The answer may overtake messages, which
   * wait in a queue of their own in the server: all that were delivered must have come.
   */
  #finishWhenEmpty(): void {
    this.#options.lastDelivery().then(
      (delivered) => {
        if (delivered === this.consumerSeq) this.#finish();
      },
      // Asked again at the next heartbeat.
      () => {},
    );
  }

  #finish(): void {
    if (this.#options.head?.isUnsure === true) {
      this.#hold([], () => this.#finish());
      return;
    }
    if (this.#options.passEnd !== undefined) {
      this.#end({ kind: "pass-over" });
      return;
    }
    this.#options.lag.set(0);
    this.#end({ kind: "caught-up" });
  }

  #end(end: ReadEnd): void {
    if (this.#done) return;
    this.#done = true;
    this.#options.ended(end);
  }
}

function lostInFlight(last: number, next: number): ConnectorError {
  return new ConnectorError("POSITION_LOST", `after delivery ${last} came ${next}: messages were lost on their way`);
}
