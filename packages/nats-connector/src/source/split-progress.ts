import {
  ConnectorError,
  type Identity,
  type SourceContext,
  type SourcePosition,
  type SplitCollector,
  type SplitState,
} from "@x/connector-api";
import { parsePosition, type StreamPosition } from "../jetstream/position.js";
import { decodeRecord, encodeRecord, type GapRecord, noGaps, type SplitRecord } from "../jetstream/state-record.js";
import type { JetStreamSourceTable } from "../table-config.js";
import type { Attachment } from "./attach.js";
import { type Loss, sizeOf } from "./loss.js";
import type { KnownPosition } from "./resolve-start.js";
import type { Split } from "./splits.js";

const NOWHERE: StreamPosition = { lastSeq: 0, lastTs: undefined, consumerSeq: 0 };

/** Where one split stands: what it started from, has collected, handed on, put into checkpoints and made durable. */
export class SplitProgress {
  readonly #split: Split;
  readonly #table: JetStreamSourceTable;
  /** Undefined until a start is known: restored, committed, or resolved by the first attachment. */
  #start: StreamPosition | undefined;
  #restored: SplitRecord | undefined;
  #isCommitted = false;
  #collected: StreamPosition = NOWHERE;
  #durable = 0;
  /**
   * Of a filtered split: at `lastSeq` its consumer had nothing more, with the stream's end at `seenSeq`. The consumer may
   * learn of a message later than the stream says it has it, so this proves no gap and moves no start.
   */
  #scan = { lastSeq: 0, seenSeq: 0 };
  #passEnd: number | undefined;
  /** What is not read up to here is superseded: the end of the first pass, once it is over. */
  #passedTo = 0;
  #gaps: GapRecord = noGaps;
  #handedOn: Pick<SplitCollector<unknown>, "handedOn"> | undefined;
  /** Last sequence per checkpoint taken and not yet completed. */
  readonly #marks = new Map<number, number>();

  constructor(split: Split, table: JetStreamSourceTable) {
    this.#split = split;
    this.#table = table;
  }

  /**
   * Takes what the sink committed, else the state of the checkpoint. Throws STATE_INVALID for foreign state, and
   * PROGRESS_MISMATCH when the sink has committed less than the checkpoint says: what is between would be lost.
   */
  restore(context: SourceContext): void {
    const { name } = this.#split;
    const state = context.restored?.get(name);
    const record = state && checked(decodeRecord(state), this.#split, this.#table, context.identity);
    const committed = context.committed?.get(name);
    this.#restored = record;
    this.#isCommitted = context.committed !== undefined;
    if (record === undefined && committed === undefined) return;
    const start = committed === undefined ? positionOf(record ?? NOWHERE) : parsePosition(committed);
    if (record !== undefined && record.lastSeq > start.lastSeq) throw behind(record, start.lastSeq, context.identity);
    this.#passEnd = record?.initialUntil;
    this.#gaps = record?.gaps ?? noGaps;
    // What was not for the old filters may be for new ones.
    const isSameFilter = record !== undefined && sameSubjects(record.filters, this.#split.filters);
    this.#begin(start, isSameFilter ? record.scannedSeq : 0);
  }

  /** Where it begins, once that is resolved, as a position. */
  get start(): SourcePosition {
    return printPosition(this.#begun());
  }

  /** What the next attachment must continue; undefined on a first start. */
  known(attached: Attachment | undefined): KnownPosition | undefined {
    if (this.#start === undefined) return undefined;
    const { cursor } = this;
    return {
      created: attached?.stream.created ?? this.#restored?.created,
      lastSeq: this.#collected.lastSeq,
      lastTs: this.#collected.lastTs,
      cursor,
      seen: this.seen,
      durable: this.#durable,
      passEnd: this.#passEnd !== undefined && cursor < this.#passEnd ? this.#passEnd : undefined,
      consumer: this.#restored?.consumer,
      isCommitted: this.#isCommitted,
    };
  }

  /**
   * An attachment was made. Returns the position it moves to when it does not go on where reading stopped: after a gap,
   * in another stream, or at the first start.
   */
  attached({ startsOver, startAfter, loss, passEnd }: Attachment): SourcePosition | undefined {
    if (startsOver || passEnd !== undefined) this.#passEnd = passEnd;
    if (loss !== undefined) this.passedOver(loss);
    if (!startsOver && loss === undefined) return undefined;
    if (startsOver) this.#marks.clear();
    const { consumerSeq } = this.#collected;
    this.#begin({ lastSeq: startAfter, lastTs: undefined, consumerSeq: startsOver ? 0 : consumerSeq }, 0);
    return this.start;
  }

  passedOver(loss: Loss): void {
    this.#gaps = withGap(this.#gaps, loss);
  }

  /** From here on `snapshot` means what this collector has handed on. */
  collectWith(collector: SplitCollector<unknown>): void {
    this.#handedOn = collector;
  }

  /** Everything up to here that is to be read was collected. */
  get cursor(): number {
    return Math.max(this.#collected.lastSeq, this.#passedTo);
  }

  /** What is gone up to here is no gap. */
  get seen(): number {
    return Math.max(this.cursor, this.#scan.seenSeq);
  }

  collected(position: string | undefined): void {
    if (position !== undefined) this.#collected = parsePosition(position);
  }

  /** With everything up to `lastSeq` collected, the consumer had nothing more, and the stream ended at `seenSeq`. */
  scanned(lastSeq: number, seenSeq: number): void {
    if (seenSeq > this.#scan.seenSeq) this.#scan = { lastSeq, seenSeq };
  }

  /** The first pass is over: what it has not brought up to its end was superseded. */
  passOver(passEnd: number): void {
    this.#passedTo = passEnd;
  }

  snapshot(checkpointId: number, attachment: Attachment, identity: Identity): SplitState {
    const handedOn = this.#handedOn?.handedOn;
    const { lastSeq, lastTs, consumerSeq } = handedOn === undefined ? this.#begun() : parsePosition(handedOn);
    this.#marks.set(checkpointId, lastSeq);
    return encodeRecord({
      stream: this.#table.stream,
      domain: attachment.domain,
      created: attachment.stream.created,
      split: this.#split.name,
      cut: this.#split.cut,
      filters: this.#split.filters,
      lastSeq,
      lastTs,
      // A row that is still on its way must not be passed over.
      scannedSeq: lastSeq >= this.#scan.lastSeq ? Math.max(lastSeq, this.#scan.seenSeq) : lastSeq,
      // Until it is passed: a start behind the last message alone would bring what was superseded.
      initialUntil: this.#passEnd,
      consumerSeq,
      epoch: identity.epoch,
      consumer: attachment.consumer,
      ackMode: attachment.ackMode,
      gaps: this.#gaps,
    });
  }

  /** The sequence that may be acked now that a checkpoint is durable. Called again it says the same. */
  completed(checkpointId: number): number {
    const lastSeq = this.#marks.get(checkpointId);
    for (const id of this.#marks.keys()) if (id <= checkpointId) this.#marks.delete(id);
    if (lastSeq !== undefined) this.#durable = Math.max(this.#durable, lastSeq);
    return this.#durable;
  }

  #begin(start: StreamPosition, scannedSeq: number): void {
    this.#start = start;
    this.#collected = start;
    this.#durable = start.lastSeq;
    this.#scan = { lastSeq: start.lastSeq, seenSeq: Math.max(start.lastSeq, scannedSeq) };
    this.#passedTo = 0;
  }

  #begun(): StreamPosition {
    if (this.#start === undefined) throw new ConnectorError("UNEXPECTED", "snapshot before open");
    return this.#start;
  }
}

/** Throws STATE_INVALID for the state of another stream, or of one that was cut another way. */
function checked(
  record: SplitRecord,
  { cut, filters }: Split,
  { stream, partition }: JetStreamSourceTable,
  { pipeline }: Identity,
): SplitRecord {
  const refuse = (what: string, wanted: string): never => {
    const text = `the state of pipeline "${pipeline}" is about ${what}, not ${wanted}; give the pipeline another name`;
    throw new ConnectorError("STATE_INVALID", text);
  };
  if (record.stream !== stream) refuse(`stream "${record.stream}"`, `"${stream}"`);
  if (record.cut !== cut) refuse(`stream "${stream}" cut into ${record.cut}`, cut);
  if (partition?.by === "filters" && !sameSubjects(record.filters, filters)) {
    refuse(`"${record.filters.join(", ")}" as partition ${record.split}`, `"${filters.join(", ")}"`);
  }
  return record;
}

function sameSubjects(one: readonly string[], other: readonly string[]): boolean {
  return [...one].sort().join() === [...other].sort().join();
}

function withGap({ count, lost }: GapRecord, loss: Loss): GapRecord {
  const last = { reason: loss.reason, from: loss.range?.from, to: loss.range?.to, at: new Date().toISOString() };
  return { count: count + 1, lost: lost + sizeOf(loss), last };
}

function behind({ lastSeq, stream }: SplitRecord, committed: number, { pipeline }: Identity): ConnectorError {
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `the checkpoint of pipeline "${pipeline}" has read stream "${stream}" up to ${lastSeq}, but the sink has committed up to ${committed} only: it was restored from an older copy, or the state is of another sink; start under a new name`,
    { context: { stream, checkpoint: lastSeq, committed } },
  );
}

function positionOf({ lastSeq, lastTs }: Pick<StreamPosition, "lastSeq" | "lastTs">): StreamPosition {
  return { lastSeq, lastTs, consumerSeq: 0 };
}

function printPosition({ lastSeq, consumerSeq, lastTs = "" }: StreamPosition): string {
  return `${lastSeq}.${consumerSeq}.${lastTs}`;
}
