/** A span under way. */
export interface PipelineSpan {
  /** Its W3C `traceparent`, for what is written meanwhile; undefined when there is no trace. */
  readonly traceparent: string | undefined;
  /** Beside it: what vendors carry from span to span. */
  readonly tracestate?: string | undefined;
  /** Called once; with what failed, if it did. */
  end(error?: unknown): void;
}

/** Makes the spans of a pipeline: one per batch and one per checkpoint. Must not throw. */
export interface PipelineTracer {
  /** `traceparent` and `tracestate` are those of the batch's first input: the span continues its trace. */
  startBatch(batch: {
    readonly pipeline: string;
    readonly split: string;
    readonly rows: number;
    readonly traceparent: string | undefined;
    readonly tracestate?: string | undefined;
  }): PipelineSpan;
  startCheckpoint(checkpoint: { readonly pipeline: string; readonly checkpointId: number }): PipelineSpan;
}

/** Runs the work of a span and ends it. */
export async function within(span: PipelineSpan, work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    span.end(error);
    throw error;
  }
  span.end();
}
