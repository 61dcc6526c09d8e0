import type { SourcePosition } from "@x/connector-api";
import type { Progress } from "./progress-record.js";
import type { Stage } from "./stage.js";
import type { StagedOutput } from "./stage-codec.js";

/** Outputs that are committed together, with the progress they make. */
export class Transaction {
  readonly subjects: string[] = [];
  readonly payloads: Uint8Array[] = [];
  /** Header block of each output, without what the transaction adds; undefined for none. */
  readonly headers: (Uint8Array | undefined)[] = [];
  bytes = 0;
  progress: Progress = { position: null };
  /** Number within the epoch, from 1. */
  commit = 0;
  checkpoint = 0;
  /** The stage that it writes a piece of, or publishes a part of. */
  stage: Stage | undefined;
  piece: Uint8Array | undefined;

  get size(): number {
    return this.subjects.length;
  }

  get outputs(): StagedOutput[] {
    return this.subjects.map((subject, i) => ({
      subject,
      payload: this.payloads[i] as Uint8Array,
      headers: this.headers[i],
    }));
  }

  add(subject: string, payload: Uint8Array, headers: Uint8Array | undefined): void {
    this.subjects.push(subject);
    this.payloads.push(payload);
    this.headers.push(headers);
    this.bytes += sizeOf(payload, headers);
  }

  /** Takes the outputs from `from` on out, into another transaction. */
  split(from: number): Transaction {
    const rest = new Transaction();
    for (let i = from; i < this.size; i++) {
      rest.add(this.subjects[i] as string, this.payloads[i] as Uint8Array, this.headers[i]);
    }
    this.remove(from, this.size - from);
    return rest;
  }

  /** Takes outputs out for good. */
  remove(from: number, count = 1): void {
    for (let i = from; i < from + count; i++) this.bytes -= sizeOf(this.payloads[i] as Uint8Array, this.headers[i]);
    for (const list of [this.subjects, this.payloads, this.headers]) list.splice(from, count);
  }
}

export interface TransactionLimits {
  readonly maxOutputs: number;
  /** A single output may be larger; it then goes alone. */
  readonly maxBytes: number;
}

/** How much of one input is kept together in a transaction that is larger than its limits. */
export interface WholeLimits extends TransactionLimits {
  /** Ends what has become too large. */
  readonly exceeded: (sequence: number) => Error;
}

export interface TransactionBuilderOptions {
  readonly limits: TransactionLimits;
  /** An input with more outputs than one transaction takes is never cut, but goes alone; absent: it is cut. */
  readonly whole?: WholeLimits | undefined;
  /** Where the split stands. */
  readonly start: SourcePosition;
  readonly sequenceOf: (position: SourcePosition) => number;
  /** Takes a transaction that has been cut. */
  readonly cut: (transaction: Transaction) => void;
}

/**
 * Fills transactions with the outputs of one split. A transaction is cut where it is full, and ends with a whole input:
 * outputs of an input that does not fit any more go into the next one. Only an input with more outputs than one
 * transaction takes is cut inside, where that is allowed; its parts say how many of its rows they bring.
 */
export class TransactionBuilder {
  readonly #options: TransactionBuilderOptions;
  #open = new Transaction();
  /** Last input that is wholly in `#open` or before it. */
  #complete: SourcePosition;
  /** How many outputs of `#open` belong to complete inputs. */
  #completeOutputs = 0;
  /** Position in the last transaction cut. */
  #cutAt: SourcePosition;
  /** The input under way, between its first output and its end. */
  #current: SourcePosition | undefined;
  /** Rows of it that are handled. */
  #rows = 0;

  constructor(options: TransactionBuilderOptions) {
    this.#options = options;
    this.#complete = options.start;
    this.#cutAt = options.start;
  }

  /** Outputs that no transaction cut so far has. */
  get waiting(): number {
    return this.#open.size;
  }

  /** Takes the output of the `index`th row of the input at `position`; what is full is cut before it. */
  add(
    subject: string,
    payload: Uint8Array,
    headers: Uint8Array | undefined,
    position: SourcePosition,
    index: number,
  ): void {
    if (position !== this.#current) {
      if (this.#current !== undefined) this.#completed(this.#current);
      this.#current = position;
    }
    const bytes = sizeOf(payload, headers);
    while (!this.#fits(bytes)) {
      if (this.#completeOutputs > 0) this.#options.cut(this.#cutComplete());
      else if (this.#options.whole === undefined) this.#options.cut(this.#cutPart(position));
      else {
        this.#assertWhole(this.#options.whole, position, bytes);
        break;
      }
    }
    this.#open.add(subject, payload, headers);
    this.#rows = index + 1;
  }

  /** Every input up to `end` is handled. */
  end(end: SourcePosition): void {
    if (this.#current !== undefined) this.#completed(this.#current);
    this.#current = undefined;
    this.#completed(end);
  }

  /** Cuts behind the last complete input, if there are outputs. */
  cutOutputs(): void {
    if (this.#completeOutputs > 0) this.#options.cut(this.#cutComplete());
  }

  /** Cuts behind the last complete input, if there are outputs or the position has moved. */
  cutAll(): void {
    if (this.#completeOutputs > 0 || this.#complete !== this.#cutAt) this.#options.cut(this.#cutComplete());
  }

  /** An empty transaction takes anything. */
  #fits(bytes: number): boolean {
    const { maxOutputs, maxBytes } = this.#options.limits;
    const { size } = this.#open;
    return size === 0 || (size < maxOutputs && this.#open.bytes + bytes <= maxBytes);
  }

  #completed(position: SourcePosition): void {
    this.#complete = position;
    this.#completeOutputs = this.#open.size;
    if (this.#options.whole !== undefined && !isWithin(this.#open, this.#options.limits))
      this.#options.cut(this.#cutComplete());
  }

  #assertWhole({ maxOutputs, maxBytes, exceeded }: WholeLimits, position: SourcePosition, bytes: number): void {
    const { size } = this.#open;
    if (size < maxOutputs && this.#open.bytes + bytes <= maxBytes) return;
    throw exceeded(this.#options.sequenceOf(position));
  }

  #cutPart(current: SourcePosition): Transaction {
    const part = this.#open;
    const sequence = this.#options.sequenceOf(current);
    part.progress = { position: this.#complete, part: { sequence, rows: this.#rows } };
    this.#open = new Transaction();
    return part;
  }

  #cutComplete(): Transaction {
    const cut = this.#open;
    this.#open = cut.split(this.#completeOutputs);
    cut.progress = { position: this.#complete };
    this.#cutAt = this.#complete;
    this.#completeOutputs = 0;
    return cut;
  }
}

/** Whether a transaction can be committed as one. */
export function isWithin({ size, bytes }: Transaction, { maxOutputs, maxBytes }: TransactionLimits): boolean {
  return size <= 1 || (size <= maxOutputs && bytes <= maxBytes);
}

function sizeOf(payload: Uint8Array, headers: Uint8Array | undefined): number {
  return headers === undefined ? payload.length : payload.length + headers.length;
}
