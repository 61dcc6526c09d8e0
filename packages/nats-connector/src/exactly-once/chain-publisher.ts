import type { Barrier, ConnectorError, RecordBatch, SourceOrigin, SourcePosition } from "@x/connector-api";
import type { AckedPublisher } from "../sink/acked-publisher.js";
import { createByteStore } from "../sink/header-bytes.js";
import type { Publisher } from "../sink/publisher.js";
import type { ChainGuard } from "./chain-guard.js";
import { PROGRESS_HEADER } from "./chain-log.js";
import { Feed } from "./feed.js";
import { headerBlock } from "./header-block.js";
import type { Claim, ProgressPlace } from "./progress-log.js";
import { type Progress, type Staged, withPiece } from "./progress-record.js";
import { type Resumption, undeclaredSplit } from "./resumption.js";
import { Stage, type StageRoom } from "./stage.js";
import type { StagedOutput } from "./stage-codec.js";
import { type CollectedOutputs, StageCollector } from "./stage-collector.js";

export interface ChainPublisherOptions {
  readonly acked: AckedPublisher;
  readonly place: ProgressPlace;
  readonly claim: Claim;
  readonly resumption: Resumption;
  readonly guard: ChainGuard;
  /** Header lines of progress messages, beside what they expect. */
  readonly progressHeaders: (staged?: Staged) => string;
  readonly origin: SourceOrigin;
  /** False: an input with several outputs is staged first, since each output is a commit of its own. */
  readonly deterministic: boolean;
  readonly room: StageRoom;
  /** What an earlier run has staged and not finished; goes first. */
  readonly unfinished: Stage | undefined;
}

/** Messages that a chain adds although there may be no room: the output held back, and progress. */
export const CHAIN_SLACK = 2;
/** What a chain adds to the headers of an output, at most, beside names of any length. */
export const CHAIN_HEADER_BYTES = 512;
/** What a stage adds to that. */
export const STAGED_HEADER_BYTES = 360;

interface Held extends StagedOutput {
  readonly position: SourcePosition;
  readonly index: number;
}

/**
 * Publishes the outputs of one split as a chain: each expects the sequence of the one before, all are under way at once,
 * and what is in the stream is always a whole beginning of them. Each says in a header how far the input is written
 * once it is stored, so the last message of the stream is the progress. Whether an output is the last of its input is
 * known with the next one, so one is held back until then; of a transform that is not deterministic all of one input are,
 * and go out once they are staged.
 */
export class ChainPublisher implements Publisher {
  readonly #options: ChainPublisherOptions;
  /** What all records of a run share, as the open beginning of a JSON object. */
  readonly #frame: string;
  readonly #stagedFrame: string;
  readonly #store = createByteStore();
  /** Where the progress subject ends once everything added is stored. */
  #progressSeq: number;
  readonly #feed: Feed;
  #held: Held | undefined;
  /**
   * Outputs before it that are staged together: of the same input, and, once one has several, of those behind it as far as
   * they fit into one message, since the chain waits for every stage.
   */
  readonly #together: StageCollector;
  /** Whether a stage that is done with lies on the progress subject. */
  #left = false;
  /** Last input whose outputs are all added. */
  #complete: SourcePosition;
  /** Position that the last message added tells. */
  #told: SourcePosition;
  /** Whether outputs were added behind the last progress message. */
  #open = false;
  #checkpoint = 0;

  constructor(options: ChainPublisherOptions) {
    const { place, claim, origin, unfinished } = options;
    const { position, staged } = claim.progress;
    this.#options = options;
    this.#feed = new Feed(options.acked);
    this.#together = new StageCollector(origin.sequenceOf);
    this.#complete = position;
    this.#told = position;
    this.#progressSeq = claim.seq;
    const { identity, source: stream, split } = place;
    const { pipeline, instanceId } = identity;
    const frame = { mode: "chain", pipeline, stream, split, epoch: claim.epoch, instanceId };
    this.#frame = JSON.stringify({ v: 1, ...frame }).slice(0, -1);
    this.#stagedFrame = JSON.stringify({ v: 2, ...frame }).slice(0, -1);
    if (unfinished !== undefined) this.#publishStaged(unfinished, staged?.chunks ?? 0, staged?.shown ?? 0);
  }

  get hasRoom(): boolean {
    return this.#feed.isIdle && this.#options.acked.hasRoom;
  }

  async room(): Promise<void> {
    await this.#feed.idle();
    await this.#options.acked.room();
  }

  begin(batch: RecordBatch): number {
    if (batch.split === this.#options.place.split) return this.#options.resumption.skip(batch);
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
    if (held !== undefined) {
      if (held.position !== position) this.#release(held, held.position);
      else if (this.#options.deterministic) this.#send(held, this.#within(held));
      else this.#together.add(held, position);
    }
    this.#held = { subject, payload, headers, position, index };
  }

  end({ end }: RecordBatch): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#release(held, end);
    if (!this.#together.isEmpty) this.#stage(this.#together.take());
    this.#complete = end;
  }

  async delivered(barrier: Barrier): Promise<void> {
    const reached = this.#complete;
    const told = new Promise<void>((resolve) => this.#feed.add(() => this.#tell(barrier, reached).then(resolve)));
    await Promise.race([told, this.#feed.idle()]);
    await this.#options.acked.delivered();
  }

  fail(error: ConnectorError): void {
    this.#options.acked.fail(error);
  }

  close(): void {
    this.#options.acked.close();
  }

  /** At a barrier the position is told also where it has moved over input without outputs. */
  async #tell({ checkpointId, final }: Barrier, reached: SourcePosition): Promise<void> {
    this.#checkpoint = checkpointId;
    if (reached !== this.#told || this.#left || (final && this.#open)) await this.#publishProgress(reached, final);
  }

  /** The last output of an input; everything up to `end` is handled. */
  #release(last: Held, end: SourcePosition): void {
    const together = this.#together;
    if (together.isEmpty) {
      this.#complete = end;
      this.#send(last, { position: end });
      return;
    }
    together.add(last, last.position);
    const isFull = together.encodedBytes > this.#options.room.chunkBytes;
    const earlier = isFull ? together.takeEarlier() : undefined;
    if (earlier !== undefined) this.#stage(earlier);
  }

  /** Whole inputs, the first of which has several outputs. */
  #stage({ outputs, position }: CollectedOutputs): void {
    const { origin, room } = this.#options;
    const stage = Stage.create({ input: origin.sequenceOf(position), position }, outputs, 1, room);
    const before = this.#complete;
    for (const [i, piece] of stage.pieces.entries()) {
      this.#feed.add(() => this.#publishPiece(stage, piece, i + 1, before));
    }
    this.#publishStaged(stage, stage.pieces.length, 0);
  }

  #publishStaged(stage: Stage, chunks: number, shown: number): void {
    const before = this.#complete;
    const { outputs, position } = stage;
    for (let i = shown; i < outputs.length; i++) {
      const isLast = i === outputs.length - 1;
      this.#feed.add(() => {
        this.#publish(
          outputs[i] as StagedOutput,
          isLast ? { position } : { position: before, staged: stage.at(chunks, i + 1) },
        );
        if (isLast) this.#left = true;
      });
    }
    this.#complete = position;
  }

  #within({ position, index }: Held): Progress {
    const sequence = this.#options.origin.sequenceOf(position);
    return { position: this.#complete, part: { sequence, rows: index + 1 } };
  }

  /** Now, or behind what has to go before it. */
  #send(output: StagedOutput, progress: Progress): void {
    if (this.#feed.isIdle) this.#publish(output, progress);
    else this.#feed.add(() => this.#publish(output, progress));
  }

  #publish({ subject, payload, headers }: StagedOutput, progress: Progress): void {
    const { acked, place } = this.#options;
    const lines = `Nats-Expected-Stream: ${place.stream}\r\n${PROGRESS_HEADER}: ${this.#record(progress)}\r\n`;
    acked.add(subject, payload, this.#block(lines, headers));
    this.#told = progress.position;
    this.#open = true;
  }

  async #publishProgress(position: SourcePosition, final: boolean): Promise<void> {
    this.#told = position;
    this.#open = false;
    this.#left = false;
    await this.#add(Buffer.from(this.#record({ position }, final)));
  }

  async #publishPiece(stage: Stage, piece: Uint8Array, written: number, before: SourcePosition): Promise<void> {
    const staged = stage.at(written, 0);
    const record = Buffer.from(this.#record({ position: before, staged }));
    const added = this.#add(withPiece(record, piece), staged);
    stage.first ??= this.#progressSeq;
    await added;
  }

  /** Adds a message on the progress subject; resolves when the next message of the chain may be added. */
  async #add(payload: Uint8Array, staged?: Staged): Promise<void> {
    const { acked, claim, place, progressHeaders, guard } = this.#options;
    const headers = this.#block(progressHeaders(staged), undefined);
    this.#progressSeq = claim.seq + acked.added + 1;
    acked.addUncounted(place.subject, payload, headers);
    if (guard.holdsProgress) await acked.delivered();
  }

  /** A progress record as JSON: once per message, so only what differs is put together. */
  #record({ position, part, staged }: Progress, final = false): string {
    const own = `"commit":${this.#options.acked.added + 1},"checkpoint":${this.#checkpoint}`;
    const more = `${part === undefined ? "" : `,"part":${JSON.stringify(part)}`}${final ? ',"final":true' : ""}`;
    if (staged === undefined) return `${this.#frame},${own},"position":${JSON.stringify(position)}${more}}`;
    return `${this.#stagedFrame},${own},"position":${JSON.stringify(position)},"staged":${JSON.stringify(staged)}}`;
  }

  /** The stream is ours alone, so every message knows its sequence, and the one it expects before it. */
  #block(lines: string, own: Uint8Array | undefined): Uint8Array {
    const { claim, acked, guard } = this.#options;
    const n = acked.added;
    const expected = `Nats-Expected-Last-Sequence: ${claim.seq + n}\r\n${guard.lines(claim.epoch, n, this.#progressSeq)}`;
    return headerBlock(this.#store, expected + lines, own);
  }
}
