import type { BadDataConfig } from "./bad-data.js";
import { ConnectorError } from "./errors.js";
import type { RecordBatch, SourcePosition } from "./record-batch.js";
import type { Row } from "./row.js";

/** Input that could not become rows. */
export interface RefusedInput<Message> {
  /** The whole payload, or with framing the one line, without its line end. Read it during the call only: a view. */
  readonly payload: Uint8Array;
  /** Number of the line within its message, from 1; undefined without framing. */
  readonly line: number | undefined;
  readonly message: Message;
}

/** A row that could not become output, and where its input stood in the source. */
export interface RefusedRow {
  readonly row: Readonly<Row>;
  readonly split: string;
  readonly position: SourcePosition;
}

/** An encoded row that only the destination found too large, when the row itself was no longer at hand. */
export interface RefusedPayload {
  readonly payload: Uint8Array;
}

/** What a sink could not write. */
export type RefusedOutput = RefusedRow | RefusedPayload;

/**
 * Where `bad_data = 'dead_letter'` puts what was refused: the connector's side of the policy, behind the collector of a
 * source or the encoder of a sink. The operator that opened it waits, in its `flush`, until every letter is confirmed.
 */
export interface DeadLetters<Refused> {
  /**
   * Takes a letter over. Synchronous and never waits: who calls it reads no further while `hasRoom` is false. Throws
   * MESSAGE_TOO_LARGE for one that can never be kept; a failure to write ends the operator, not this call.
   */
  add(error: ConnectorError, refused: Refused): void;
  readonly hasRoom: boolean;
  /** Resolves when there is room again; rejects when letters can no longer be written. */
  room(): Promise<void>;
}

/** A refused row of a batch, for {@link DeadLetters}. */
export function refusedRow(batch: RecordBatch, index: number): RefusedRow {
  return {
    row: batch.rows[index] as Readonly<Row>,
    split: batch.split,
    position: batch.positions[index] ?? batch.end,
  };
}

/** The dead letters a policy needs; undefined for one that needs none. Throws UNSUPPORTED when they were not given. */
export function deadLettersFor<Refused>(
  badData: BadDataConfig,
  given: DeadLetters<Refused> | undefined,
): DeadLetters<Refused> | undefined {
  if (badData.behavior !== "dead_letter") return undefined;
  if (given !== undefined) return given;
  throw new ConnectorError("UNSUPPORTED", "bad_data = 'dead_letter': this connector has no dead letters; use 'drop'");
}
