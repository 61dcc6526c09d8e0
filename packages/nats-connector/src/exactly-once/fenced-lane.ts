import { setTimeout as sleep } from "node:timers/promises";
import { abortable, type Barrier, type RecordBatch, type SourceOrigin, type SourcePosition } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { StreamConfig } from "../jetstream/api.js";
import { fromClientError, isTransient, isWrongLastSequence } from "../nats-errors.js";
import type { StreamWatch } from "../sink/stream-watch.js";
import type { DedupeWindow } from "./dedupe-window.js";
import { commitBackoffMs, readOwnProgress } from "./own-progress.js";
import { type Claim, type ProgressPlace, progressHeaders, stillOpen, stillStaged } from "./progress-log.js";
import { encodeProgress, type OpenEnd, type Progress, type ProgressRecord } from "./progress-record.js";
import { idStart, readBehind } from "./read-behind.js";
import { requestAck } from "./request-ack.js";
import { Resumption } from "./resumption.js";
import { Stage, type StageRoom } from "./stage.js";
import type { StagedOutput } from "./stage-codec.js";

export interface FencedLaneOptions {
  readonly link: OpenConnection;
  readonly place: ProgressPlace;
  readonly config: StreamConfig;
  readonly claim: Claim;
  /** Outputs beyond the claim's position that are in the stream, as `<input>:<row>`. */
  readonly stored: Set<string>;
  readonly origin: SourceOrigin;
  /** False: an input with several outputs is staged first. */
  readonly deterministic: boolean;
  readonly room: StageRoom;
  readonly window: DedupeWindow;
  readonly ackTimeoutMs: number;
  readonly watch: StreamWatch;
  readonly signal: AbortSignal;
}

interface Writing {
  readonly final?: boolean;
  /** The records before stay. */
  readonly keeps?: boolean;
  readonly piece?: Uint8Array;
}

const LINE_END = "\r\n";
const nothing = (): void => {};

/**
 * The progress of one split, and what its outputs carry: an id made of the input's number, and the fence, that is the
 * sequence of the last progress record, which every newer claim moves. While outputs are under way the fence stands
 * still: records are written only when every output is confirmed, and no output is added meanwhile. Before any is sent
 * again the fence moves: an output is under way once at most that can still be stored.
 */
export class FencedLane {
  readonly #options: FencedLaneOptions;
  readonly #resumption: Resumption;
  readonly #stored: Set<string>;
  readonly #id: string;
  /** Sequence of the last record. */
  #fence = 0;
  #expected = "";
  #commit = 0;
  #checkpoint: number;
  #progress: Progress;
  #told: Progress;
  /** What the last record says of outputs beyond its position. */
  #open: OpenEnd | undefined;
  #withinBatch = false;
  /** Where the fence has stood since it was last read what is stored. */
  #unread: OpenEnd | undefined;
  /** Outputs that nobody has confirmed and that were read. */
  readonly #read = new Set<string>();
  #turn: Promise<void> = Promise.resolve();

  constructor(options: FencedLaneOptions) {
    const { claim, place, origin, stored, deterministic } = options;
    this.#options = options;
    this.#resumption = new Resumption(place.split, claim.progress.part, origin, deterministic);
    this.#stored = stored;
    this.#id = `Nats-Msg-Id: ${idStart(claim, place)}`;
    this.#checkpoint = claim.record.checkpoint;
    this.#progress = claim.progress;
    this.#told = claim.progress;
    this.#open = claim.record.open;
    this.#fenceAt(claim.seq);
  }

  /** Whether the last record says which outputs may lie beyond it: else `openUp` before the first. */
  get isOpen(): boolean {
    return this.#open !== undefined && (this.#open.whole === true) === !this.#options.deterministic;
  }

  begin(batch: RecordBatch): number {
    this.#withinBatch = batch.rows.length > 0;
    return this.#resumption.skip(batch);
  }

  /** Header lines of an output; undefined for one that is in the stream already. */
  linesOf(position: SourcePosition, index: number): string | undefined {
    const output = `${this.#options.origin.sequenceOf(position)}:${index}`;
    if (this.#stored.size > 0 && this.#stored.delete(output)) return undefined;
    return `${this.#expected}${this.#id}${output}\r\n`;
  }

  end(position: SourcePosition): void {
    this.#withinBatch = false;
    this.#progress = { position };
  }

  /**
   * Goes behind an input of a transform that is not deterministic, and returns the position before it. Undefined when an
   * earlier run has written it: one output it had then, and that is in the stream.
   */
  pass(position: SourcePosition): { readonly before: SourcePosition } | undefined {
    const before = this.#progress.position;
    this.#progress = { position };
    return this.#takeStored(this.#options.origin.sequenceOf(position)) ? undefined : { before };
  }

  /** Throws CAPABILITY_MISSING where the stream has no room for it. */
  createStage(position: SourcePosition, outputs: readonly StagedOutput[]): Stage {
    const { origin, room } = this.#options;
    return Stage.create({ input: origin.sequenceOf(position), position }, outputs, 1, room);
  }

  openUp(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.isOpen) await this.#write(this.#progress, this.#opened());
    });
  }

  /** Writes a stage; everything up to `before` is confirmed. The outputs of it come next. */
  stage(stage: Stage, before: SourcePosition): Promise<void> {
    return this.#inTurn(async () => {
      this.#read.clear();
      for (const [i, piece] of stage.pieces.entries()) {
        const progress = { position: before, staged: stage.at(i + 1, 0) };
        await this.#write(progress, this.#foundBehind() ?? this.#opened(), { piece });
        stage.first ??= this.#fence;
      }
    });
  }

  /** Tells that a stage found in the stream is finished, once all of it is confirmed. */
  settle(): Promise<void> {
    return this.#inTurn(async () => {
      this.#forgetPassed();
      await this.#write(this.#progress, this.#foundBehind());
    });
  }

  /** Tells the position, and that nothing lies beyond it, unless the next rows wait already. */
  tell({ checkpointId, final }: Barrier): Promise<void> {
    return this.#inTurn(async () => {
      this.#checkpoint = checkpointId;
      this.#read.clear();
      this.#forgetPassed();
      const open = this.#foundBehind() ?? (this.#withinBatch && !final ? this.#opened() : undefined);
      const moved = this.#progress.position !== this.#told.position;
      const opens = (open === undefined) !== (this.#open === undefined);
      if (moved || opens) await this.#write(this.#progress, open, { final });
    });
  }

  /**
   * Moves the fence, so that nothing of what was sent is stored from now on, and reads what is. Rejects with FENCED when
   * somebody else has claimed the split, and with PROGRESS_MISMATCH where it cannot be told any more.
   */
  renew(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#open === undefined) return;
      const last = await readOwnProgress(this.#options, this.#fence);
      const { position, open = {} } = last.record;
      this.#unread = stillOpen(this.#unread ?? {}, last);
      await this.#write({ position, ...stillStaged(last) }, stillOpen(open, last), { keeps: true });
      const stored = await readBehind({ ...this.#options, open: this.#unread, fence: this.#fence });
      for (const output of stored) this.#read.add(output);
      this.#unread = undefined;
    });
  }

  /** The headers that an output goes out with from now on; undefined for one that was read. Another split's as they are. */
  renewed(headers: Uint8Array): Uint8Array | undefined {
    const bytes = Buffer.from(headers.buffer, headers.byteOffset, headers.length);
    const at = bytes.indexOf(`${LINE_END}${this.#id}`, 0, "latin1");
    if (at === -1) return headers;
    const from = at + LINE_END.length + this.#id.length;
    if (this.#read.has(bytes.toString("latin1", from, bytes.indexOf(LINE_END, from, "latin1")))) return undefined;
    return Buffer.concat([Buffer.from(`NATS/1.0\r\n${this.#expected}`), bytes.subarray(at + LINE_END.length)]);
  }

  /** Rejects with FENCED when somebody else has claimed the split. */
  async assertMine(): Promise<void> {
    await readOwnProgress(this.#options, this.#fence);
  }

  #opened(): OpenEnd {
    return this.#options.deterministic ? {} : { whole: true };
  }

  /** What was found behind an older record is still to be found there. */
  #foundBehind(): OpenEnd | undefined {
    if (this.#stored.size === 0) return undefined;
    const { replaced = 0, ...found } = this.#open ?? {};
    return { ...found, replaced: replaced + 1 };
  }

  #takeStored(input: number): boolean {
    const before = this.#stored.size;
    if (before === 0) return false;
    for (const output of this.#stored) if (output.startsWith(`${input}:`)) this.#stored.delete(output);
    return this.#stored.size < before;
  }

  /** Records are written one after the other. */
  #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(write);
    this.#turn = turn.then(nothing, nothing);
    return turn;
  }

  #fenceAt(seq: number): void {
    const { stream, subject } = this.#options.place;
    this.#fence = seq;
    this.#expected = `Nats-Expected-Stream: ${stream}\r\nNats-Expected-Last-Subject-Sequence: ${seq}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${subject}\r\n`;
  }

  /** Outputs of inputs that gave none this time. */
  #forgetPassed(): void {
    const { position } = this.#progress;
    if (this.#stored.size === 0 || position === null) return;
    const done = this.#options.origin.sequenceOf(position);
    for (const output of this.#stored) if (Number.parseInt(output, 10) <= done) this.#stored.delete(output);
  }

  /** Writes a record where the last one is. Whether an unanswered attempt was stored is read, not guessed. */
  async #write(
    progress: Progress,
    open: OpenEnd | undefined,
    { final = false, keeps = false, piece }: Writing = {},
  ): Promise<void> {
    const { link, place, config, ackTimeoutMs, watch, signal } = this.#options;
    const { stream, subject } = place;
    // At once: who comes next must not take the record before for the last one.
    this.#open = open;
    this.#commit += 1;
    const payload = encodeProgress(this.#record(progress, final && open === undefined), piece);
    for (let attempt = 0; ; attempt++) {
      await link.whenConnected(signal);
      const headers = `${progressHeaders(config, progress.staged, keeps)}Nats-Expected-Last-Subject-Sequence: ${this.#fence}\r\n`;
      try {
        const options = { link, stream, timeoutMs: ackTimeoutMs, signal };
        this.#fenceAt(await requestAck({ subject, payload, headers }, options));
        break;
      } catch (thrown) {
        signal.throwIfAborted();
        const { record, seq } = await readOwnProgress(this.#options, this.#fence);
        this.#fenceAt(seq);
        if (record.commit >= this.#commit) break;
        const error = fromClientError(thrown, `write progress to "${subject}"`);
        if (!isTransient(error) && !isWrongLastSequence(error)) throw error;
        if (error.code === "SERVER_UNAVAILABLE") watch.unanswered();
      }
      await abortable(sleep(commitBackoffMs(attempt)), signal);
    }
    watch.answered();
    this.#told = progress;
  }

  #record({ position, part, staged }: Progress, final: boolean): ProgressRecord {
    return {
      ...this.#options.claim.record,
      commit: this.#commit,
      checkpoint: this.#checkpoint,
      position,
      part,
      staged,
      open: this.#open,
      ...(final ? { final } : {}),
    };
  }
}
