import type { BadDataConfig } from "./bad-data.js";
import { isConnectorError } from "./errors.js";
import type { Encoder } from "./format.js";
import type { OperatorCounters } from "./operator-context.js";
import type { Row } from "./row.js";

/** The mirror of the source collector: rows to payloads under the bad-data policy. */
export interface SinkEncoder {
  /** The payload of a row; undefined when the row was refused and the policy goes on without it. */
  encode(row: Readonly<Row>): Uint8Array | undefined;
  /** Applies the policy to a row that something else refused (subject template, message size). Throws under `fail`. */
  refuse(error: unknown): void;
}

export function createSinkEncoder(encoder: Encoder, badData: BadDataConfig, counters: OperatorCounters): SinkEncoder {
  const drops = badData.behavior === "drop";
  const refuse = (error: unknown): void => {
    if (!isConnectorError(error) || error.exitCode !== 6) throw error;
    counters.badRows += 1;
    if (!drops) throw error;
  };
  return {
    encode(row) {
      try {
        return encoder.encode(row);
      } catch (error) {
        refuse(error);
        return undefined;
      }
    },
    refuse,
  };
}
