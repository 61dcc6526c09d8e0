import { ConnectorError, type RecordBatch, type SourceOrigin, type SourcePosition } from "@x/connector-api";
import type { Progress } from "./progress-record.js";

/**
 * Finds the place within an input where an earlier run has stopped: its first rows are in the stream, so they are passed
 * over. Throws PROGRESS_MISMATCH when the input does not come again as it was.
 */
export class Resumption {
  readonly #split: string;
  readonly #origin: SourceOrigin;
  #part: Progress["part"];

  constructor(split: string, part: Progress["part"], origin: SourceOrigin, deterministic = true) {
    this.#split = split;
    this.#part = part;
    this.#origin = origin;
    if (part !== undefined && !deterministic) throw this.#changed(part, "may give other ones");
  }

  /** How many rows at the start of the batch are written already. */
  skip({ rows, positions, end }: RecordBatch): number {
    const part = this.#part;
    if (part === undefined) return 0;
    const { sequenceOf } = this.#origin;
    const first = rows.length === 0 ? undefined : (positions[0] as SourcePosition);
    if (first === undefined) {
      if (sequenceOf(end) < part.sequence) return 0;
      throw this.#changed(part, "gives no rows");
    }
    if (sequenceOf(first) !== part.sequence) throw this.#changed(part, "does not come next");
    const next = positions.findIndex((position) => position !== first);
    const count = next === -1 ? rows.length : next;
    if (count < part.rows) throw this.#changed(part, `gives ${count} rows`);
    this.#part = undefined;
    return part.rows;
  }

  #changed({ sequence, rows }: NonNullable<Progress["part"]>, what: string): ConnectorError {
    return new ConnectorError(
      "PROGRESS_MISMATCH",
      `split "${this.#split}": the first ${rows} rows of input ${sequence} were written by an earlier run, but now that input ${what}: the query, the source's options or the transform have changed; start under a new name`,
      { context: { split: this.#split, sequence, rows } },
    );
  }
}

/** Every split has been claimed when the sink opened; rows of another one have no place to go on from. */
export function undeclaredSplit({ split }: Pick<RecordBatch, "split">): ConnectorError {
  return new ConnectorError("UNEXPECTED", `rows of split "${split}", which the source has not declared`);
}
