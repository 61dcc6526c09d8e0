import {
  type Incarnation,
  type OperatorContext,
  type SourceOperator,
  type SourceSnapshot,
  toConnectorError,
} from "@x/connector-api";
import { fromClientError } from "../nats-errors.js";

/** What it takes to commit. */
export interface Committer {
  readonly operator: SourceOperator;
  readonly context: OperatorContext;
  readonly incarnation: Incarnation;
}

/** Makes a snapshot the position that a later start begins at. One at a time; rejects when it is not. */
export type Commit = (checkpointId: number, snapshot: SourceSnapshot) => Promise<void>;

/** What the source wrote itself is confirmed, then it is durable, then acked. A failed ack: a later one covers it. */
export function commitToStore({ operator, context, incarnation }: Committer): Commit {
  return async (checkpointId, snapshot) => {
    await operator.flush?.({ checkpointId, final: false });
    await incarnation.save(checkpointId, snapshot);
    await operator.checkpointCompleted(checkpointId).catch((error: unknown) => {
      const { code, message } = toConnectorError(error);
      context.logger.warn({ code, checkpointId }, `cannot ack a checkpoint; a later one covers it: ${message}`);
    });
  };
}

/**
 * The ack is the position. Looks for a newer instance first: a consumer made anew after trouble has nothing to ack, and
 * would say nothing about it.
 */
export function commitByAck({ operator, incarnation }: Committer): Commit {
  return async (checkpointId) => {
    await operator.flush?.({ checkpointId, final: false });
    await incarnation.assertCurrent();
    try {
      await operator.checkpointCompleted(checkpointId);
    } catch (error) {
      await incarnation.assertCurrent();
      throw fromClientError(error, "commit a batch");
    }
  };
}
