import { randomBytes } from "node:crypto";
import type { NatsClient } from "../nats-client.js";
import { HeaderCursor } from "../sink/encoded-headers.js";
import type { Transaction } from "./transaction.js";

/** The most messages of a batch on every server that has them, progress included. */
export const MAX_BATCH = 1000;
/** What a batch adds to the headers of an output, at most. */
export const BATCH_HEADER_BYTES = 80;

const BLOCK_START = Buffer.byteLength("NATS/1.0\r\n");
const END = Buffer.from("\r\n");

/**
 * A transaction on its way into a stream as an atomic batch (ADR-50): the outputs are sent ahead under an id that nobody
 * can guess, since whoever knows it may add to the batch, and nothing of it shows before the commit.
 */
export class AtomicBatch {
  readonly id = randomBytes(12).toString("base64url");
  readonly transaction: Transaction;
  /** Connection epoch and time of the sending: under another epoch, or after long, the server has dropped it. */
  readonly linkEpoch: number;
  readonly begunAt = performance.now();
  /** Outputs sent so far. */
  sent = 0;

  constructor(transaction: Transaction, linkEpoch: number) {
    this.transaction = transaction;
    this.linkEpoch = linkEpoch;
  }

  /** Sends the outputs that are not sent yet. Throws what the client does; `sent` then says of which output. */
  send(client: NatsClient): void {
    const { subjects, payloads, headers } = this.transaction;
    const cursor = new HeaderCursor();
    const options = { headers: cursor };
    for (; this.sent < subjects.length; this.sent++) {
      const i = this.sent;
      cursor.bytes = this.#blockOf(i, headers[i]);
      client.publish(subjects[i] as string, payloads[i] as Uint8Array, options);
    }
  }

  /** Sends one output and waits for what the server says to it: nothing, or an error. */
  ask(client: NatsClient, i: number, timeoutMs: number): Promise<{ readonly data: Uint8Array }> {
    const { subjects, payloads, headers } = this.transaction;
    const cursor = new HeaderCursor();
    cursor.bytes = this.#blockOf(i, headers[i]);
    return client.request(subjects[i] as string, payloads[i] as Uint8Array, { timeout: timeoutMs, headers: cursor });
  }

  /** Header lines of the message that commits it. */
  commitLines(): string {
    return `${this.#lines(this.transaction.size)}Nats-Batch-Commit: 1\r\n`;
  }

  #lines(i: number): string {
    return `Nats-Batch-Id: ${this.id}\r\nNats-Batch-Sequence: ${i + 1}\r\n`;
  }

  /** A header block of its own: the client keeps the bytes until they are written to the socket. */
  #blockOf(i: number, own: Uint8Array | undefined): Uint8Array {
    const lines = `NATS/1.0\r\n${this.#lines(i)}`;
    const rest = own === undefined ? END : own.subarray(BLOCK_START);
    const block = Buffer.allocUnsafe(lines.length + rest.length);
    block.write(lines, "latin1");
    block.set(rest, lines.length);
    return block;
  }
}
