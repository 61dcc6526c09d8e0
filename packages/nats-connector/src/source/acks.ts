import type { OpenConnection } from "../connection.js";
import type { AckReplyReader } from "../jetstream/ack-reply.js";
import type { AckMode } from "../jetstream/position.js";
import { fromClientError } from "../nats-errors.js";
import { type AckCap, CapWatch } from "./ack-cap.js";

const CONFIRM_TIMEOUT_MS = 5000;
const ACKS_PER_FLUSH = 4096;

/**
 * Remembers what to ack on one consumer, and acks it when a checkpoint is durable: nothing on a consumer without acks,
 * one message for all before it (AckAll), or each one (AckExplicit). Belongs to one consumer: after a rebuild the new
 * one has its own, since positions delivered by another consumer cannot be acked on it.
 */
export interface Acks {
  /** A message was delivered, handed on or not. */
  delivered(streamSeq: number, consumerSeq: number): void;
  /** Acks everything up to a position. Rejects when the server does not confirm; a later call covers it. */
  through(streamSeq: number): Promise<void>;
}

export function createAcks(
  mode: Exclude<AckMode, "none">,
  connection: OpenConnection,
  replies: AckReplyReader,
  cap: AckCap | undefined,
): Acks {
  const runs = new DeliveredRuns();
  const watch = new CapWatch(cap);
  const confirm = async (streamSeq: number, consumerSeq: number): Promise<void> => {
    const subject = replies.ackSubject(streamSeq, consumerSeq);
    await connection.client.request(subject, undefined, { timeout: CONFIRM_TIMEOUT_MS }).catch((error: unknown) => {
      throw fromClientError(error, "ack what was read", { subject });
    });
  };
  return {
    delivered(streamSeq, consumerSeq) {
      runs.add(streamSeq, consumerSeq);
      watch.delivered();
    },
    async through(streamSeq) {
      const taken = runs.take(streamSeq);
      const last = taken.at(-1);
      if (last === undefined) return;
      try {
        if (mode === "explicit") await ackEach(taken, connection, replies);
        await confirm(last.streamSeq + last.count - 1, last.consumerSeq + last.count - 1);
        watch.acked(taken.reduce((sum, { count }) => sum + count, 0));
      } catch (error) {
        runs.giveBack(taken);
        throw error;
      }
    },
  };
}

/** All but the last one, unconfirmed: the server answers in order, so the confirmation of the last one covers them. */
async function ackEach(runs: readonly Run[], connection: OpenConnection, replies: AckReplyReader): Promise<void> {
  let sent = 0;
  for (const run of runs) {
    const count = run === runs.at(-1) ? run.count - 1 : run.count;
    for (let i = 0; i < count; i++) {
      connection.client.publish(replies.ackSubject(run.streamSeq + i, run.consumerSeq + i));
      if (++sent % ACKS_PER_FLUSH === 0) await connection.client.flush();
    }
  }
}

interface Run {
  readonly streamSeq: number;
  readonly consumerSeq: number;
  count: number;
}

/** Messages in order of delivery, kept as runs in which both numbers grow by one: few, unless a filter skips many. */
class DeliveredRuns {
  #runs: Run[] = [];

  add(streamSeq: number, consumerSeq: number): void {
    const last = this.#runs.at(-1);
    if (
      last !== undefined &&
      last.streamSeq + last.count === streamSeq &&
      last.consumerSeq + last.count === consumerSeq
    ) {
      last.count += 1;
    } else this.#runs.push({ streamSeq, consumerSeq, count: 1 });
  }

  /** Removes and returns everything up to `streamSeq`. */
  take(streamSeq: number): readonly Run[] {
    const taken: Run[] = [];
    const kept: Run[] = [];
    for (const run of this.#runs) {
      const count = Math.min(run.count, Math.max(0, streamSeq - run.streamSeq + 1));
      const { streamSeq: first, consumerSeq } = run;
      if (count > 0) taken.push({ streamSeq: first, consumerSeq, count });
      if (count < run.count) {
        kept.push({ streamSeq: first + count, consumerSeq: consumerSeq + count, count: run.count - count });
      }
    }
    this.#runs = kept;
    return taken;
  }

  giveBack(runs: readonly Run[]): void {
    this.#runs = [...runs, ...this.#runs];
  }
}
