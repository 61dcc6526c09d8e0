import type { Barrier, OperatorContext, RecordBatch, SinkOperator, SinkStart } from "@x/connector-api";

/** A real sink that keeps rows in memory: `written` at once, `confirmed` at a flush. */
export class RecordingSink implements SinkOperator {
  readonly name = "recording";
  readonly written: number[] = [];
  readonly flushed: Barrier[] = [];
  confirmed = 0;
  closed = 0;
  context: OperatorContext | undefined;
  beforeFlush: (barrier: Barrier) => Promise<void> = async () => {};
  beforeBatch: (batch: RecordBatch) => void | Promise<void> = () => {};

  readonly #start: SinkStart;

  constructor(start: SinkStart = {}) {
    this.#start = start;
  }

  async open(context: OperatorContext): Promise<SinkStart> {
    this.context = context;
    return this.#start;
  }

  async processBatch(batch: RecordBatch): Promise<void> {
    await this.beforeBatch(batch);
    for (const row of batch.rows) this.written.push(Number(row.n));
  }

  async flush(barrier: Barrier): Promise<void> {
    const upTo = this.written.length;
    await this.beforeFlush(barrier);
    this.confirmed = Math.max(this.confirmed, upTo);
    if (this.context) this.context.counters.rowsOut = this.confirmed;
    this.flushed.push(barrier);
  }

  async close(): Promise<void> {
    this.closed += 1;
  }
}
