import type { RecordBatch, TraceContext } from "@x/connector-api";
import type { BatchQueue } from "./batch-queue.js";
import { type BatchEvent, batchChannel } from "./diagnostics.js";
import type { PipelineOperators } from "./pipeline-spec.js";
import { type PipelineTracer, within } from "./telemetry/pipeline-tracer.js";

export interface BatchWriterOptions {
  /** For events and spans. */
  readonly pipeline: string;
  readonly operators: PipelineOperators;
  readonly queue: BatchQueue;
  readonly tracer: PipelineTracer | undefined;
  /** Hands on what the collector has begun, because the queue has run empty. */
  readonly flushCollector: () => void;
  /** True once nothing more is to be written. */
  readonly failed: () => boolean;
}

/** Moves items from the queue through the transform into the sink until the queue ends. Rejects with what either throws. */
export async function writeBatches(options: BatchWriterOptions): Promise<void> {
  const { operators, queue, tracer, flushCollector, failed } = options;
  const { sink, transform } = operators;
  for (;;) {
    const item = queue.take(transform?.preferredRows);
    if (item === undefined) {
      flushCollector();
      if (!(await queue.arrival())) return;
      continue;
    }
    if (failed()) return;
    if (item.kind === "barrier") {
      item.reached(sink.flush(item.barrier));
      continue;
    }
    const waiting = tracer === undefined ? write(options, item.batch) : trace(options, item.batch, tracer);
    if (waiting !== undefined) await waiting;
  }
}

/** Nothing to wait for when there is room. */
function write(
  { pipeline, operators }: BatchWriterOptions,
  read: RecordBatch,
  trace?: TraceContext,
): void | Promise<void> {
  const { sink, transform } = operators;
  if (batchChannel.hasSubscribers) {
    const { split, rows, end } = read;
    batchChannel.publish({ pipeline, split, rows: rows.length, end } satisfies BatchEvent);
  }
  const traced = (batch: RecordBatch): RecordBatch => (trace === undefined ? batch : { ...batch, ...trace });
  if (transform === undefined) return sink.processBatch(traced(read));
  const made = transform.process(read);
  return made instanceof Promise
    ? made.then((batch) => sink.processBatch(traced(batch)))
    : sink.processBatch(traced(made));
}

function trace(options: BatchWriterOptions, read: RecordBatch, tracer: PipelineTracer): Promise<void> {
  const { split, rows, traceparent, tracestate } = read;
  const span = tracer.startBatch({ pipeline: options.pipeline, split, rows: rows.length, traceparent, tracestate });
  const own = span.traceparent && { traceparent: span.traceparent, tracestate: span.tracestate };
  return within(span, () => write(options, read, own || undefined));
}
