import type { JsonValue, Row } from "./row.js";
import type { TraceContext } from "./trace-context.js";

/**
 * Where a source stands in one split: everything up to and including this input has been read. JSON, made and read by
 * the source alone; hosts and sinks store it, hand it back and compare it with `===`, nothing more.
 * Rows of one input share one position, so a position is never reached in the middle of an input.
 */
export type SourcePosition = Exclude<JsonValue, object>;

/**
 * Rows on their way from a source to a sink. Batches are handed on by reference: who receives one owns it.
 *
 * `positions[i]` is the position of `rows[i]`; `rows` and `positions` have the same length. `end` is the position after
 * the last input that went into the batch, also when bad data or a filter removed every row: a batch without rows still
 * moves the pipeline forward.
 *
 * Only while a host traces it has a trace context. The collector takes it from the batch's first input, the host puts its
 * own span there, and a sink that can writes it beside each row.
 */
export interface RecordBatch<R = Row> extends Partial<TraceContext> {
  readonly rows: readonly R[];
  readonly split: string;
  readonly positions: readonly SourcePosition[];
  readonly end: SourcePosition;
}
