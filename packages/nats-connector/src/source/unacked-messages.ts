import type { SourcePosition } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import { type AckCap, CapWatch } from "./ack-cap.js";

interface Unacked {
  readonly position: SourcePosition;
  /** Where its ack goes. */
  readonly reply: string;
}

const IN_PROGRESS = Buffer.from("+WPI");
const CONFIRM_TIMEOUT_MS = 5000;
const ACKS_PER_FLUSH = 4096;

/**
 * The messages of a shared consumer that this process has and has not acked, in the order in which it took them, which
 * is not that of the stream. Each is acked by itself once a checkpoint holds it, and marked as in progress until then.
 */
export class UnackedMessages {
  readonly #connection: OpenConnection;
  readonly #cap: CapWatch;
  #messages: Unacked[] = [];
  /** Messages before the first one kept, since the beginning: what a count of messages means. */
  #acked = 0;
  /** Up to here, as a count, they were there at the last mark. */
  #marked = 0;

  constructor(connection: OpenConnection, cap: AckCap | undefined) {
    this.#connection = connection;
    this.#cap = new CapWatch(cap);
  }

  get size(): number {
    return this.#messages.length;
  }

  add(position: SourcePosition, reply: string): void {
    this.#messages.push({ position, reply });
    this.#cap.delivered();
  }

  /** How many messages there were up to the one at a position, for `ack`; 0 when it is acked, or unknown. */
  countAt(position: SourcePosition | undefined): number {
    const at = this.#messages.findLastIndex((message) => message.position === position);
    return at === -1 ? 0 : this.#acked + at + 1;
  }

  /** Acks the first `count`. Rejects when the server does not confirm; a later call acks them again. */
  async ack(count: number): Promise<void> {
    const taken = this.#messages.slice(0, Math.max(0, count - this.#acked));
    const last = taken.pop();
    if (last === undefined) return;
    const { client } = this.#connection;
    for (const [i, { reply }] of taken.entries()) {
      client.publish(reply);
      if ((i + 1) % ACKS_PER_FLUSH === 0) await client.flush();
    }
    // The server answers in order: the confirmation of the last one covers the others.
    await client.request(last.reply, undefined, { timeout: CONFIRM_TIMEOUT_MS });
    // They may have been forgotten while the confirmation was on its way; what is here now is another consumer's.
    const acked = Math.max(0, count - this.#acked);
    this.#messages = this.#messages.slice(acked);
    this.#acked += acked;
    this.#cap.acked(acked);
  }

  /** The consumer that delivered them is gone: its successor delivers them again. */
  forget(): void {
    this.#cap.acked(this.#messages.length);
    this.#acked += this.#messages.length;
    this.#messages = [];
  }

  /** Tells the server that those which were there at the last call are still being worked on. */
  markInProgress(): void {
    const old = this.#messages.slice(0, Math.max(0, this.#marked - this.#acked));
    for (const { reply } of old) this.#connection.client.publish(reply, IN_PROGRESS);
    this.#marked = this.#acked + this.#messages.length;
  }
}
