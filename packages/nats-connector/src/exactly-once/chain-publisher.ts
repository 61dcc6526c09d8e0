import {
  type Barrier,
  ConnectorError,
  type RecordBatch,
  type SourceOrigin,
  type SourcePosition,
} from "@x/connector-api";
import type { AckedPublisher } from "../sink/acked-publisher.js";
import { createByteStore } from "../sink/encoded-headers.js";
import type { Publisher } from "../sink/publisher.js";
import type { ChainGuard } from "./chain-guard.js";
import { PROGRESS_HEADER } from "./chain-log.js";
import { headerBlock } from "./header-block.js";
import type { Claim, ProgressPlace } from "./progress-log.js";
import type { Progress } from "./progress-record.js";
import { Resumption, undeclaredSplit } from "./resumption.js";

export interface ChainPublisherOptions {
  readonly acked: AckedPublisher;
  readonly place: ProgressPlace;
  readonly claim: Claim;
  readonly guard: ChainGuard;
  /** Header lines of progress messages, beside what they expect. */
  readonly progressHeaders: string;
  readonly origin: SourceOrigin;
  /** False: an input may have one output only, since each output is a commit of its own. */
  readonly deterministic: boolean;
}

/** Messages that a chain adds although there may be no room: the output held back, and progress. */
export const CHAIN_SLACK = 2;
/** What a chain adds to the headers of an output, at most, beside names of any length. */
export const CHAIN_HEADER_BYTES = 480;

interface Held {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Uint8Array | undefined;
  readonly position: SourcePosition;
  readonly index: number;
}

/**
 * Publishes the outputs of one split as a chain: each expects the sequence of the one before, all are under way at once,
 * and what is in the stream is always a whole beginning of them. Each says in a header how far the input is written
 * once it is stored, so the last message of the stream is the progress. Whether an output is the last of its input is
 * known with the next one, so one is held back until then.
 */
export class ChainPublisher implements Publisher {
  readonly #options: ChainPublisherOptions;
  readonly #resumption: Resumption;
  /** What all records of a run share, as the open beginning of a JSON object. */
  readonly #frame: string;
  readonly #store = createByteStore();
  /** Where the progress subject ends once everything added is stored. */
  #progressSeq: number;
  #held: Held | undefined;
  /** Last input whose outputs are all added. */
  #complete: SourcePosition;
  /** Position that the last message added tells. */
  #told: SourcePosition;
  /** Whether outputs were added behind the last progress message. */
  #open = false;
  #checkpoint = 0;

  constructor(options: ChainPublisherOptions) {
    const { place, claim, origin } = options;
    const { position, part } = claim.progress;
    this.#options = options;
    this.#resumption = new Resumption(place.split, part, origin);
    this.#complete = position;
    this.#told = position;
    this.#progressSeq = claim.seq;
    const { identity, source: stream, split } = place;
    const { pipeline, instanceId } = identity;
    const frame = { v: 1, mode: "chain", pipeline, stream, split, epoch: claim.epoch, instanceId };
    this.#frame = JSON.stringify(frame).slice(0, -1);
  }

  get hasRoom(): boolean {
    return this.#options.acked.hasRoom;
  }

  room(): Promise<void> {
    return this.#options.acked.room();
  }

  begin(batch: RecordBatch): number {
    if (batch.split === this.#options.place.split) return this.#resumption.skip(batch);
    throw undeclaredSplit(batch);
  }

  add(
    subject: string,
    payload: Uint8Array,
    headers: Uint8Array | undefined,
    position: SourcePosition,
    index: number,
  ): void {
    const held = this.#held;
    if (held !== undefined)
      this.#publish(held, held.position === position ? this.#within(held) : this.#behind(held.position));
    this.#held = { subject, payload, headers, position, index };
  }

  end({ end }: RecordBatch): void {
    const held = this.#held;
    const progress = this.#behind(end);
    this.#held = undefined;
    if (held !== undefined) this.#publish(held, progress);
  }

  /** At a barrier the position is told also where it has moved over input without outputs. */
  async delivered({ checkpointId, final }: Barrier): Promise<void> {
    const { acked } = this.#options;
    this.#checkpoint = checkpointId;
    if (this.#complete !== this.#told || (final && this.#open)) this.#publishProgress(final);
    await acked.delivered();
  }

  fail(error: ConnectorError): void {
    this.#options.acked.fail(error);
  }

  close(): void {
    this.#options.acked.close();
  }

  #behind(position: SourcePosition): Progress {
    this.#complete = position;
    return { position };
  }

  #within({ position, index }: Held): Progress {
    const { origin, deterministic } = this.#options;
    const sequence = origin.sequenceOf(position);
    if (deterministic) return { position: this.#complete, part: { sequence, rows: index + 1 } };
    throw new ConnectorError(
      "CAPABILITY_MISSING",
      `input ${sequence} has several outputs, which a chain commits one by one, and its transform is not deterministic: after a crash between two of them the rest could contradict the first; set allow_atomic on the stream (server 2.12 or later), or make the transform deterministic`,
      { context: { sequence } },
    );
  }

  #publish({ subject, payload, headers }: Held, progress: Progress): void {
    const { acked, place } = this.#options;
    const lines = `Nats-Expected-Stream: ${place.stream}\r\n${PROGRESS_HEADER}: ${this.#record(progress)}\r\n`;
    acked.add(subject, payload, this.#block(lines, headers));
    this.#told = progress.position;
    this.#open = true;
  }

  #publishProgress(final: boolean): void {
    const { acked, claim, place, progressHeaders } = this.#options;
    const record = Buffer.from(this.#record({ position: this.#complete }, final));
    const headers = this.#block(progressHeaders, undefined);
    this.#progressSeq = claim.seq + acked.added + 1;
    acked.addUncounted(place.subject, record, headers);
    this.#told = this.#complete;
    this.#open = false;
  }

  /** A progress record as JSON: once per message, so only what differs is put together. */
  #record({ position, part }: Progress, final = false): string {
    const own = `"commit":${this.#options.acked.added + 1},"checkpoint":${this.#checkpoint}`;
    const more = `${part === undefined ? "" : `,"part":${JSON.stringify(part)}`}${final ? ',"final":true' : ""}`;
    return `${this.#frame},${own},"position":${JSON.stringify(position)}${more}}`;
  }

  /** The stream is ours alone, so every message knows its sequence, and the one it expects before it. */
  #block(lines: string, own: Uint8Array | undefined): Uint8Array {
    const { claim, acked, guard } = this.#options;
    const n = acked.added;
    const expected = `Nats-Expected-Last-Sequence: ${claim.seq + n}\r\n${guard.lines(n, this.#progressSeq)}`;
    return headerBlock(this.#store, expected + lines, own);
  }
}
