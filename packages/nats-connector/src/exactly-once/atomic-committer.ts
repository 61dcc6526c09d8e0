import { setTimeout as sleep } from "node:timers/promises";
import { abortable, type ConnectorError, type OperatorContext } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { StreamConfig } from "../jetstream/api.js";
import { type ApiErrorBody, fromApiError, fromClientError, isWrongLastSequence } from "../nats-errors.js";
import type { StreamWatch } from "../sink/stream-watch.js";
import { AtomicBatch } from "./atomic-batch.js";
import { commitBackoffMs, readOwnProgress } from "./own-progress.js";
import { type Claim, type ProgressPlace, progressHeaders } from "./progress-log.js";
import { encodeProgress, type ProgressRecord } from "./progress-record.js";
import { requestAck } from "./request-ack.js";
import type { Transaction } from "./transaction.js";

export interface AtomicCommitterOptions {
  readonly link: OpenConnection;
  readonly place: ProgressPlace;
  readonly config: StreamConfig;
  readonly claim: Claim;
  readonly ackTimeoutMs: number;
  readonly logger: OperatorContext["logger"];
  /** Applies the bad-data policy to an output that only the server found too large. Throws under `fail`. */
  readonly refuse: (error: ConnectorError, payload: Uint8Array) => void;
  readonly watch: StreamWatch;
  readonly signal: AbortSignal;
}

/** The server gives a batch up that nothing is added to for 10 s. */
const BATCH_LIFE_MS = 8000;
/** `err_code` of a batch that the server does not have, or not whole. */
const INCOMPLETE = 10176;
/** Attempts in a row that end so before each output is asked for: one may be refused, which spoils the batch. */
const SUSPICIOUS = 2;

/**
 * Commits the transactions of one split, one after the other, each with a compare-and-swap on the progress subject: it
 * expects the progress of the one before. After any answer but a plain yes the stream's leader is asked where progress
 * stands: there is mine: committed; there is the one before: not committed, and sent again under the same
 * compare-and-swap, so that a late first attempt and the second cannot both count; there is somebody else's: fenced.
 */
export class AtomicCommitter {
  readonly #options: AtomicCommitterOptions;
  /** Sequence of the last progress message of ours. */
  #last: number;
  #batch: AtomicBatch | undefined;

  constructor(options: AtomicCommitterOptions) {
    this.#options = options;
    this.#last = options.claim.seq;
  }

  /** Sends the outputs of a transaction ahead of their turn. Any failure shows, and is mended, when it is committed. */
  sendAhead(transaction: Transaction): AtomicBatch | undefined {
    const { link } = this.#options;
    if (!link.connected || transaction.size === 0) return undefined;
    const batch = new AtomicBatch(transaction, link.epoch);
    try {
      batch.send(link.client);
      return batch;
    } catch {
      return undefined;
    }
  }

  /** Resolves when the transaction is in the stream. `ahead` is what `sendAhead` has returned for it. */
  async commit(transaction: Transaction, ahead: AtomicBatch | undefined): Promise<void> {
    const { logger, watch } = this.#options;
    this.#batch = ahead;
    for (let attempt = 0, incomplete = 0; ; attempt++) {
      const doubt = await this.#attempt(transaction, incomplete >= SUSPICIOUS);
      incomplete = doubt?.context.errCode === INCOMPLETE ? incomplete + 1 : 0;
      if (doubt === undefined || (await this.#isCommitted(transaction))) {
        const { split } = this.#options.place;
        if (doubt !== undefined) logger.debug({ split, code: doubt.code }, "an unanswered commit is in the stream");
        if (attempt > 0) watch.answered();
        if (attempt > 0) logger.info({ split }, "committing goes on");
        if (transaction.stage !== undefined) transaction.stage.first ??= this.#last;
        return;
      }
      const raced = isWrongLastSequence(doubt);
      if (doubt.retry !== "backoff" && !raced) throw doubt;
      if (doubt.code === "SERVER_UNAVAILABLE") watch.unanswered();
      if (attempt === 0) {
        const { code, context } = doubt;
        logger.warn({ code, ...context }, `${doubt.message}; committing again`);
      }
      await abortable(sleep(commitBackoffMs(attempt)), this.#options.signal);
    }
  }

  /** Undefined when the server said yes; otherwise why that is not known, or is not so. */
  async #attempt(transaction: Transaction, careful: boolean): Promise<ConnectorError | undefined> {
    const { link, place, config, ackTimeoutMs, signal } = this.#options;
    await link.whenConnected(signal);
    try {
      const batch = careful ? await this.#sendCarefully(transaction) : this.#fresh(transaction);
      this.#batch = undefined;
      const record = this.#recordOf(transaction);
      const headers = `${batch?.commitLines() ?? ""}${progressHeaders(config, record.staged)}Nats-Expected-Last-Subject-Sequence: ${this.#last}\r\n`;
      const payload = encodeProgress(record, transaction.piece);
      const options = { link, stream: place.stream, timeoutMs: ackTimeoutMs, signal };
      this.#last = await requestAck({ subject: place.subject, payload, headers }, options);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return fromClientError(error, `commit to "${place.subject}"`);
    }
  }

  /** The batch sent ahead if the server can still have it, else a new one; undefined when there is only progress. */
  #fresh(transaction: Transaction): AtomicBatch | undefined {
    const { link } = this.#options;
    const ahead = this.#batch;
    if (transaction.size === 0) return undefined;
    const isYoung = ahead !== undefined && performance.now() - ahead.begunAt < BATCH_LIFE_MS;
    if (isYoung && ahead.linkEpoch === link.epoch) return ahead;
    return this.#send(transaction);
  }

  #send(transaction: Transaction): AtomicBatch | undefined {
    const { link } = this.#options;
    for (;;) {
      const batch = new AtomicBatch(transaction, link.epoch);
      try {
        batch.send(link.client);
        return transaction.size === 0 ? undefined : batch;
      } catch (error) {
        const { sent } = batch;
        this.#giveUp(transaction, sent, fromClientError(error, `publish to "${transaction.subjects[sent]}"`));
      }
    }
  }

  /** Asks for every output by itself, so that the one the server refuses is known. */
  async #sendCarefully(transaction: Transaction): Promise<AtomicBatch | undefined> {
    const { link, place, ackTimeoutMs, signal } = this.#options;
    for (;;) {
      if (transaction.size === 0) return undefined;
      const batch = new AtomicBatch(transaction, link.epoch);
      const asked = transaction.subjects.map((_, i) => batch.ask(link.client, i, ackTimeoutMs));
      const answers = await abortable(Promise.allSettled(asked), signal);
      const bad = answers.findIndex((each) => each.status === "rejected" || each.value.data.length > 0);
      if (bad === -1) return batch;
      const answer = answers[bad] as (typeof answers)[number];
      const action = `publish to "${transaction.subjects[bad]}"`;
      if (answer.status === "rejected") throw fromClientError(answer.reason, action);
      const { error = {} } = JSON.parse(Buffer.from(answer.value.data).toString()) as { error?: ApiErrorBody };
      this.#giveUp(transaction, bad, fromApiError(error, action, { stream: place.stream }));
    }
  }

  /** Leaves one output out, where the policy allows it; the others go on without it. */
  #giveUp(transaction: Transaction, i: number, error: ConnectorError): void {
    if (error.exitCode !== 6) throw error;
    this.#options.refuse(error, transaction.payloads[i] as Uint8Array);
    transaction.remove(i);
  }

  /** Whether the leader has this transaction. Throws FENCED when somebody else has claimed the split. */
  async #isCommitted(transaction: Transaction): Promise<boolean> {
    const { record, seq } = await readOwnProgress(this.#options, this.#last);
    this.#last = seq;
    return record.commit >= transaction.commit;
  }

  #recordOf({ commit, checkpoint, progress: { staged, ...progress }, stage }: Transaction): ProgressRecord {
    const { place, claim } = this.#options;
    const { identity, source, split } = place;
    return {
      v: 1,
      mode: "atomic",
      pipeline: identity.pipeline,
      stream: source,
      split,
      epoch: claim.epoch,
      instanceId: identity.instanceId,
      commit,
      checkpoint,
      ...progress,
      // Where the stage begins is known once its first message is stored.
      ...(staged === undefined ? {} : { staged: { ...staged, first: stage?.first } }),
    };
  }
}
