import type { BadDataConfig } from "./bad-data.js";
import { type DeadLetters, deadLettersFor, type RefusedOutput, refusedRow } from "./dead-letters.js";
import { isConnectorError } from "./errors.js";
import type { Encoder } from "./format.js";
import type { OperatorCounters } from "./operator-context.js";
import type { RecordBatch } from "./record-batch.js";
import type { Row } from "./row.js";

/** The mirror of the source collector: rows to payloads under the bad-data policy. */
export interface SinkEncoder {
  /**
   * The payload of a row; undefined when the row was refused and the policy goes on without it. `batch` and `index` say
   * where the row is from: dead letters need them.
   */
  encode(row: Readonly<Row>, batch?: RecordBatch, index?: number): Uint8Array | undefined;
  /**
   * Applies the policy to what something else refused (subject template, message size). Throws under `fail`, and for
   * anything that is no bad data. `refused` is what a dead letter is made of.
   */
  refuse(error: unknown, refused?: RefusedOutput): void;
}

/** `deadLetters` is for `bad_data = 'dead_letter'`; without it that policy is refused with UNSUPPORTED. */
export function createSinkEncoder(
  encoder: Encoder,
  badData: BadDataConfig,
  counters: OperatorCounters,
  deadLetters?: DeadLetters<RefusedOutput>,
): SinkEncoder {
  const letters = deadLettersFor(badData, deadLetters);
  const drops = badData.behavior === "drop";
  const refuse = (error: unknown, refused?: RefusedOutput): void => {
    if (!isConnectorError(error) || error.exitCode !== 6) throw error;
    counters.badRows += 1;
    if (drops) return;
    if (letters === undefined || refused === undefined) throw error;
    letters.add(error, refused);
  };
  return {
    encode(row, batch, index) {
      try {
        return encoder.encode(row);
      } catch (error) {
        const known = batch !== undefined && index !== undefined;
        refuse(error, known ? refusedRow(batch, index) : { row, split: "", position: null });
        return undefined;
      }
    },
    refuse,
  };
}
