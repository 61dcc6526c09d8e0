import { ConnectorError, type RecordBatch, type SourceOrigin, type SourcePosition } from "@x/connector-api";
import type { AtomicBatch } from "./atomic-batch.js";
import type { AtomicCommitter } from "./atomic-committer.js";
import type { Backlog } from "./backlog.js";
import type { Progress } from "./progress-record.js";
import { Resumption } from "./resumption.js";
import { type Transaction, TransactionBuilder, type TransactionLimits } from "./transaction.js";

export interface AtomicLaneOptions {
  readonly split: string;
  readonly committer: AtomicCommitter;
  readonly limits: TransactionLimits;
  /** Where the split stands. */
  readonly start: Progress;
  readonly origin: SourceOrigin;
  /** False: an input that does not fit into one transaction is refused. */
  readonly deterministic: boolean;
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
  staged: AtomicBatch | undefined;
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

  constructor(options: AtomicLaneOptions) {
    const { limits, start, origin } = options;
    this.#options = options;
    this.#builder = new TransactionBuilder({
      limits,
      start: start.position,
      sequenceOf: origin.sequenceOf,
      cut: (transaction) => this.#seal(transaction),
    });
    this.#resumption = new Resumption(options.split, start.part, origin);
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

  #seal(transaction: Transaction): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    if (transaction.progress.part !== undefined && !this.#options.deterministic) throw tooManyOutputs(transaction);
    transaction.commit = ++this.#lastCommit;
    transaction.checkpoint = this.#checkpoint;
    const { size: outputs, bytes } = transaction;
    const sealed: Sealed = { transaction, outputs, bytes, staged: undefined };
    this.#options.backlog.grow(outputs, bytes);
    this.#sealed.push(sealed);
    if (this.#sealed.length <= 1 + AHEAD) sealed.staged = this.#options.committer.stage(transaction);
    if (this.#running) return;
    this.#running = true;
    this.#commitAll().catch((error: unknown) => this.#options.failed(error));
  }

  async #commitAll(): Promise<void> {
    const { committer, committed, backlog } = this.#options;
    for (let next = this.#sealed[0]; next !== undefined && !this.#failed; next = this.#sealed[0]) {
      await committer.commit(next.transaction, next.staged);
      this.#sealed.shift();
      const ahead = this.#sealed[AHEAD];
      if (ahead !== undefined && ahead.staged === undefined) ahead.staged = committer.stage(ahead.transaction);
      committed(next.transaction.size);
      backlog.shrink(next.outputs, next.bytes);
      while (this.#waiters[0] !== undefined && this.#waiters[0].commit <= next.transaction.commit) {
        this.#waiters.shift()?.resolve();
      }
    }
    this.#running = false;
  }
}

function tooManyOutputs({ size, progress }: Transaction): ConnectorError {
  return new ConnectorError(
    "CAPABILITY_MISSING",
    `input ${progress.part?.sequence} has more than the ${size} outputs that fit into one transaction, and its transform is not deterministic: after a crash between two parts the second could contradict the first; make the transform deterministic, or let one input give fewer rows`,
    { context: { sequence: progress.part?.sequence, outputs: size } },
  );
}
