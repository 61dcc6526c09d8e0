import { setTimeout as sleep } from "node:timers/promises";
import {
  abortable,
  type Barrier,
  ConnectorError,
  type RecordBatch,
  type SourceOrigin,
  type SourcePosition,
} from "@x/connector-api";
import type { StreamConfig } from "../jetstream/api.js";
import { fromClientError, isTransient, isWrongLastSequence } from "../nats-errors.js";
import type { OpenConnection } from "../open-connection.js";
import type { StreamWatch } from "../sink/stream-watch.js";
import { commitBackoffMs, readOwnProgress } from "./own-progress.js";
import { type Claim, type ProgressPlace, progressHeaders } from "./progress-log.js";
import { encodeProgress, type OpenEnd, type Progress, type ProgressRecord } from "./progress-record.js";
import { idStart } from "./read-behind.js";
import { requestAck } from "./request-ack.js";
import { Resumption } from "./resumption.js";

export interface FencedLaneOptions {
  readonly link: OpenConnection;
  readonly place: ProgressPlace;
  readonly config: StreamConfig;
  readonly claim: Claim;
  /** Outputs beyond the claim's position that are in the stream, as `<input>:<row>`. */
  readonly stored: Set<string>;
  readonly origin: SourceOrigin;
  /** False: an input may have one output only. */
  readonly deterministic: boolean;
  readonly ackTimeoutMs: number;
  readonly watch: StreamWatch;
  readonly signal: AbortSignal;
}

/**
 * The progress of one split, and what its outputs carry: an id made of the input's number, and the fence, that is the
 * sequence of the last progress record, which every newer claim moves. While outputs are under way the fence stands
 * still: records are written only when every output is confirmed, and no output is added meanwhile.
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

  constructor(options: FencedLaneOptions) {
    const { claim, place, origin, stored } = options;
    this.#options = options;
    this.#resumption = new Resumption(place.split, claim.progress.part, origin);
    this.#stored = stored;
    this.#id = `Nats-Msg-Id: ${idStart(claim, place)}`;
    this.#checkpoint = claim.record.checkpoint;
    this.#progress = claim.progress;
    this.#told = claim.progress;
    this.#open = claim.record.open;
    this.#fenceAt(claim.seq);
  }

  /** Whether the last record says that outputs may lie beyond it: else `openUp` before the first. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  begin(batch: RecordBatch): number {
    this.#withinBatch = batch.rows.length > 0;
    return this.#resumption.skip(batch);
  }

  /** Header lines of an output; undefined for one that is in the stream already. */
  linesOf(position: SourcePosition, index: number): string | undefined {
    const { origin, deterministic } = this.#options;
    const input = origin.sequenceOf(position);
    if (index > 0 && !deterministic) throw severalOutputs(input);
    const output = `${input}:${index}`;
    if (this.#stored.size > 0 && this.#stored.delete(output)) return undefined;
    return `${this.#expected}${this.#id}${output}\r\n`;
  }

  end(position: SourcePosition): void {
    this.#withinBatch = false;
    this.#progress = { position };
  }

  async openUp(): Promise<void> {
    if (!this.isOpen) await this.#write({});
  }

  /** Tells the position, and that nothing lies beyond it, unless the next rows wait already. */
  async tell({ checkpointId, final }: Barrier): Promise<void> {
    this.#checkpoint = checkpointId;
    this.#forgetPassed();
    const busy = this.#withinBatch && !final ? {} : undefined;
    // What was found behind an older record is still to be found there.
    const { replaced = 0, ...found } = this.#open ?? {};
    const open = this.#stored.size > 0 ? { ...found, replaced: replaced + 1 } : busy;
    const moved = this.#progress.position !== this.#told.position;
    const opens = (open === undefined) !== (this.#open === undefined);
    if (moved || opens) await this.#write(open, final);
  }

  /** Rejects with FENCED when somebody else has claimed the split. */
  async assertMine(): Promise<void> {
    await readOwnProgress(this.#options, this.#fence);
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
  async #write(open: OpenEnd | undefined, final = false): Promise<void> {
    const { link, place, config, ackTimeoutMs, watch, signal } = this.#options;
    const { stream, subject } = place;
    // At once: who comes next must not take the record before for the last one.
    this.#open = open;
    this.#commit += 1;
    const told = this.#progress;
    const payload = encodeProgress(this.#record(final && open === undefined));
    for (let attempt = 0; ; attempt++) {
      await link.whenConnected(signal);
      const headers = `${progressHeaders(config)}Nats-Expected-Last-Subject-Sequence: ${this.#fence}\r\n`;
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
    this.#told = told;
  }

  #record(final: boolean): ProgressRecord {
    const { claim } = this.#options;
    const { part, position } = this.#progress;
    return {
      ...claim.record,
      commit: this.#commit,
      checkpoint: this.#checkpoint,
      position,
      part,
      open: this.#open,
      ...(final ? { final } : {}),
    };
  }
}

function severalOutputs(input: number): ConnectorError {
  return new ConnectorError(
    "CAPABILITY_MISSING",
    `input ${input} has several outputs, which are stored one by one, and its transform is not deterministic: after a crash between two of them the rest could contradict the first; set allow_atomic on the stream (server 2.12 or later), or make the transform deterministic`,
    { context: { sequence: input } },
  );
}
