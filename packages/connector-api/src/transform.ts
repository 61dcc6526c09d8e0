import type { RecordBatch } from "./record-batch.js";
import type { Row } from "./row.js";

/**
 * Turns batches into batches between a source and a sink: zero, one or several rows per input row, order kept.
 *
 * The batch returned has the `split` and `end` of the one given, and each row keeps the position of the row it came
 * from, so that a sink can commit between any two inputs. A host calls `process` for one batch at a time.
 */
export interface Transform<In = Row, Out = Row> {
  readonly name: string;
  /** True when equal input always gives equal output. Exactly-once without staging needs it. */
  readonly deterministic: boolean;
  /** Rows that it likes to see at once: a host hands over what waits already as one batch, up to so many rows. */
  readonly preferredRows?: number;
  open(): Promise<void>;
  process(batch: RecordBatch<In>): RecordBatch<Out> | Promise<RecordBatch<Out>>;
  /** Idempotent. */
  close(): Promise<void>;
}
