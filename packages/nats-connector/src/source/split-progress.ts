import {
  ConnectorError,
  type Identity,
  type SourceContext,
  type SourcePosition,
  type SplitCollector,
  type SplitState,
} from "@x/connector-api";
import {
  decodeRecord,
  encodeRecord,
  parsePosition,
  type SplitRecord,
  type StreamPosition,
} from "../jetstream/position.js";
import type { JetStreamSourceTable } from "../table-config.js";
import type { Attachment, AttachRequest } from "./attach.js";

const NOWHERE: StreamPosition = { lastSeq: 0, lastTs: undefined, consumerSeq: 0 };

/** Where one split stands: what it started from, has collected, handed on, put into checkpoints and made durable. */
export class SplitProgress {
  readonly split: string;
  readonly #table: JetStreamSourceTable;
  /** Undefined until a start is known: restored, committed, or resolved by the first attachment. */
  #start: StreamPosition | undefined;
  #restored: SplitRecord | undefined;
  #collected: StreamPosition = NOWHERE;
  #durable = 0;
  /** Of a filtered split: at `lastSeq` it was known that nothing up to `seenSeq` is for it. */
  #scan = { lastSeq: 0, seenSeq: 0 };
  #handedOn: Pick<SplitCollector<unknown>, "handedOn"> | undefined;
  /** Last sequence per checkpoint taken and not yet completed. */
  readonly #marks = new Map<number, number>();

  constructor(split: string, table: JetStreamSourceTable) {
    this.split = split;
    this.#table = table;
  }

  /**
   * Takes what the sink committed, else the state of the checkpoint. Throws STATE_INVALID for foreign state, and
   * PROGRESS_MISMATCH when the sink has committed less than the checkpoint says: what is between would be lost.
   */
  restore(context: SourceContext): void {
    const state = context.restored?.get(this.split);
    const record = state && decodeRecord(state);
    const { stream } = this.#table;
    if (record !== undefined && record.stream !== stream) {
      throw new ConnectorError(
        "STATE_INVALID",
        `the state of pipeline "${context.identity.pipeline}" is about stream "${record.stream}", not "${stream}"; give the pipeline another name`,
      );
    }
    this.#restored = record;
    const committed = context.committed?.get(this.split);
    if (committed !== undefined) {
      const start = parsePosition(committed);
      if (record !== undefined && record.lastSeq > start.lastSeq) throw behind(record, start.lastSeq, context.identity);
      this.#begin(start, record?.scannedSeq ?? 0);
    } else if (record !== undefined) this.#begin(positionOf(record), record.scannedSeq);
  }

  /** Where it begins, once that is resolved, as a position. */
  get start(): SourcePosition {
    const { lastSeq, consumerSeq, lastTs = "" } = this.#begun();
    return `${lastSeq}.${consumerSeq}.${lastTs}`;
  }

  /** What the next attachment must continue; undefined on a first start. */
  known(attached: Attachment | undefined): AttachRequest["known"] {
    if (this.#start === undefined) return undefined;
    return {
      created: attached?.stream.created ?? this.#restored?.created,
      lastSeq: this.#collected.lastSeq,
      lastTs: this.#collected.lastTs,
      cursor: this.cursor,
      durable: this.#durable,
      consumer: this.#restored?.consumer,
    };
  }

  /** An attachment was made: on a first start it says where that is. */
  attached(attachment: Attachment): void {
    if (this.#start === undefined) this.#begin({ ...NOWHERE, lastSeq: attachment.startAfter }, 0);
  }

  /** From here on `snapshot` means what this collector has handed on. */
  collectWith(collector: SplitCollector<unknown>): void {
    this.#handedOn = collector;
  }

  /** Everything up to here was collected, or is not for this split. */
  get cursor(): number {
    return Math.max(this.#collected.lastSeq, this.#scan.seenSeq);
  }

  collected(position: string | undefined): void {
    if (position !== undefined) this.#collected = parsePosition(position);
  }

  /** With everything up to `lastSeq` collected, nothing more up to `seenSeq` is for this split. */
  scanned(lastSeq: number, seenSeq: number): void {
    if (seenSeq > this.#scan.seenSeq) this.#scan = { lastSeq, seenSeq };
  }

  snapshot(checkpointId: number, attachment: Attachment, identity: Identity): SplitState {
    const handedOn = this.#handedOn?.handedOn;
    const { lastSeq, lastTs, consumerSeq } = handedOn === undefined ? this.#begun() : parsePosition(handedOn);
    this.#marks.set(checkpointId, lastSeq);
    return encodeRecord({
      stream: this.#table.stream,
      domain: attachment.domain,
      created: attachment.stream.created,
      split: this.split,
      filters: this.#table.filterSubjects,
      lastSeq,
      lastTs,
      // A row that is still on its way must not be passed over.
      scannedSeq: lastSeq >= this.#scan.lastSeq ? Math.max(lastSeq, this.#scan.seenSeq) : lastSeq,
      consumerSeq,
      epoch: identity.epoch,
      consumer: attachment.consumer,
      ackMode: attachment.ackMode,
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
  }

  #begun(): StreamPosition {
    if (this.#start === undefined) throw new ConnectorError("UNEXPECTED", "snapshot before open");
    return this.#start;
  }
}

function behind({ lastSeq, stream }: SplitRecord, committed: number, { pipeline }: Identity): ConnectorError {
  return new ConnectorError(
    "PROGRESS_MISMATCH",
    `the checkpoint of pipeline "${pipeline}" has read stream "${stream}" up to ${lastSeq}, but the sink has committed up to ${committed} only: it was restored from an older copy, or the state is of another sink; start under a new name`,
    { context: { stream, checkpoint: lastSeq, committed } },
  );
}

function positionOf({ lastSeq, lastTs }: SplitRecord): StreamPosition {
  return { lastSeq, lastTs, consumerSeq: 0 };
}
