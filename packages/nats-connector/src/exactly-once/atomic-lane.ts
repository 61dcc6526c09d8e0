import type { ConnectorError, RecordBatch, SourceOrigin, SourcePosition } from "@x/connector-api";
import type { AtomicBatch } from "./atomic-batch.js";
import type { AtomicCommitter } from "./atomic-committer.js";
import type { Backlog } from "./backlog.js";
import type { Progress } from "./progress-record.js";
import { Resumption } from "./resumption.js";
import { Stage, type StageRoom } from "./stage.js";
import { MAX_STAGED_BYTES, MAX_STAGED_OUTPUTS, tooMuchToStage } from "./stage-limits.js";
import { countParts, publishingOf, stagingOf } from "./stage-transactions.js";
import { isWithin, type Transaction, TransactionBuilder, type TransactionLimits } from "./transaction.js";

export interface AtomicLaneOptions {
  readonly split: string;
  readonly committer: AtomicCommitter;
  readonly limits: TransactionLimits;
  /** Where the split stands. */
  readonly start: Progress;
  readonly origin: SourceOrigin;
  /** False: an input that does not fit into one transaction is staged first. */
  readonly deterministic: boolean;
  /** What an earlier run has staged and not finished. */
  readonly unfinished: Stage | undefined;
  readonly room: StageRoom;
  readonly backlog: Backlog;
  /** Told how many outputs a commit has brought in. */
  readonly committed: (outputs: number) => void;
  readonly failed: (error: unknown) => void;
}

/** Outputs wait for company so long at most. */
const LINGER_MS = 50;
/** Transactions that are sent ahead of the one being committed. */
const AHEAD = 1;

interface Sealed {
  readonly transaction: Transaction;
  /** As it was cut: what the server refuses may be taken out later. */
  readonly outputs: number;
  readonly bytes: number;
  ahead: AtomicBatch | undefined;
}

interface Waiter {
  readonly commit: number;
  readonly resolve: () => void;
  readonly reject: (error: ConnectorError) => void;
}

/**
 * One split on its way into the stream: fills transactions, sends the next ones ahead while one is being committed, and
 * commits in order. A transaction is committed when it is full, at a barrier, or when its outputs have waited 50 ms.
 */
export class AtomicLane {
  readonly #options: AtomicLaneOptions;
  readonly #builder: TransactionBuilder;
  readonly #resumption: Resumption;
  /** Cut and not yet committed, in order. */
  readonly #sealed: Sealed[] = [];
  readonly #waiters: Waiter[] = [];
  #lastCommit = 0;
  #checkpoint = 0;
  #running = false;
  #linger: NodeJS.Timeout | undefined;
  #failed = false;
  /** Position that the last transaction cut will bring. */
  #cutAt: SourcePosition;

  constructor(options: AtomicLaneOptions) {
    const { limits, start, origin, unfinished, deterministic } = options;
    this.#options = options;
    this.#cutAt = start.position;
    this.#builder = new TransactionBuilder({
      limits,
      whole: deterministic
        ? undefined
        : { maxOutputs: MAX_STAGED_OUTPUTS, maxBytes: MAX_STAGED_BYTES, exceeded: tooMuchToStage },
      start: unfinished === undefined ? start.position : unfinished.position,
      sequenceOf: origin.sequenceOf,
      cut: (transaction) => this.#cut(transaction),
    });
    this.#resumption = new Resumption(options.split, start.part, origin, deterministic);
  }

  /** Publishes what an earlier run has staged and not finished, before anything else. */
  finishStage(): void {
    const { unfinished, start, limits } = this.#options;
    if (unfinished === undefined || start.staged === undefined) return;
    const { shown, chunks } = start.staged;
    for (const part of publishingOf(unfinished, start.position, limits, shown, chunks)) this.#seal(part);
  }

  /** The first row of the batch to write. */
  begin(batch: RecordBatch): number {
    return this.#resumption.skip(batch);
  }

  add(
    subject: string,
    payload: Uint8Array,
    headers: Uint8Array | undefined,
    position: SourcePosition,
    index: number,
  ): void {
    this.#builder.add(subject, payload, headers, position, index);
    this.#linger ??= setTimeout(() => this.#lingered(), LINGER_MS);
  }

  end(position: SourcePosition): void {
    this.#builder.end(position);
  }

  /** Resolves when everything so far is committed, the position behind the last output included. */
  delivered(checkpoint: number): Promise<void> {
    this.#checkpoint = checkpoint;
    this.#builder.cutAll();
    if (this.#sealed.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ commit: this.#lastCommit, resolve, reject }));
  }

  /** Commits nothing more; every wait rejects. */
  fail(error: ConnectorError): void {
    this.#failed = true;
    clearTimeout(this.#linger);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  #lingered(): void {
    this.#linger = undefined;
    // While others wait for their turn there is time for more company.
    if (this.#sealed.length <= AHEAD) this.#builder.cutOutputs();
    if (this.#builder.waiting > 0) this.#linger = setTimeout(() => this.#lingered(), LINGER_MS);
  }

  #cut(transaction: Transaction): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const { deterministic, limits } = this.#options;
    if (deterministic || isWithin(transaction, limits)) this.#seal(transaction);
    else this.#stage(transaction);
  }

  /** The outputs of one input that are too many for one commit: all are durable before the first of them shows. */
  #stage({ outputs, progress: { position } }: Transaction): void {
    const { origin, limits, room } = this.#options;
    const before = this.#cutAt;
    const input = origin.sequenceOf(position);
    const stage = Stage.create({ input, position }, outputs, countParts(outputs, limits), room);
    const staging = stagingOf(stage, before);
    for (const step of [...staging, ...publishingOf(stage, before, limits, 0, staging.length)]) this.#seal(step);
  }

  #seal(transaction: Transaction): void {
    this.#cutAt = transaction.progress.position;
    transaction.commit = ++this.#lastCommit;
    transaction.checkpoint = this.#checkpoint;
    const { size: outputs, piece } = transaction;
    const bytes = transaction.bytes + (piece?.length ?? 0);
    const sealed: Sealed = { transaction, outputs, bytes, ahead: undefined };
    this.#options.backlog.grow(outputs, bytes);
    this.#sealed.push(sealed);
    if (this.#sealed.length <= 1 + AHEAD) sealed.ahead = this.#options.committer.sendAhead(transaction);
    if (this.#running) return;
    this.#running = true;
    this.#commitAll().catch((error: unknown) => this.#options.failed(error));
  }

  async #commitAll(): Promise<void> {
    const { committer, committed, backlog } = this.#options;
    for (let next = this.#sealed[0]; next !== undefined && !this.#failed; next = this.#sealed[0]) {
      await committer.commit(next.transaction, next.ahead);
      this.#sealed.shift();
      const ahead = this.#sealed[AHEAD];
      if (ahead !== undefined && ahead.ahead === undefined) ahead.ahead = committer.sendAhead(ahead.transaction);
      committed(next.transaction.size);
      backlog.shrink(next.outputs, next.bytes);
      while (this.#waiters[0] !== undefined && this.#waiters[0].commit <= next.transaction.commit) {
        this.#waiters.shift()?.resolve();
      }
    }
    this.#running = false;
  }
}
