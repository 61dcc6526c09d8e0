import {
  type ConnectorError,
  type Logger,
  memoryCheckpoints,
  type RecordBatch,
  type SinkOperator,
  type SourceOperator,
  type Transform,
} from "@x/connector-api";
import { startPipeline } from "@x/runtime";

export interface WalkOptions {
  readonly name: string;
  readonly source: SourceOperator;
  readonly transform?: Transform | undefined;
  readonly logger: Logger;
  /** Ends it behind what was taken. */
  readonly drain: AbortSignal;
  /** Ends it where it stands. */
  readonly stop: AbortSignal;
  /** Takes each batch as it comes. */
  readonly take: (batch: RecordBatch) => void;
  /** Called every few seconds when everything up to `last` was taken. */
  readonly passed: (last: number) => void;
}

/** Reads a replay to its end. `stopped` when it was told to end before. */
export async function walk(
  options: WalkOptions,
): Promise<{ readonly stopped: boolean; readonly error?: ConnectorError }> {
  const { drain, stop } = options;
  if (drain.aborted) return { stopped: true };
  let last: number | undefined;
  const sink: SinkOperator = {
    name: "verify",
    open: async () => ({}),
    processBatch(batch) {
      options.take(batch);
      if (typeof batch.end === "number") last = batch.end;
    },
    async flush() {
      if (last !== undefined) options.passed(last);
    },
    async close() {},
  };
  const pipeline = startPipeline({
    name: options.name,
    source: options.source,
    transform: options.transform,
    sink,
    checkpoints: memoryCheckpoints(),
    checkpointIntervalMs: 2000,
    logger: options.logger,
  });
  drain.addEventListener("abort", pipeline.drain);
  stop.addEventListener("abort", pipeline.stop);
  const { error } = await pipeline.finished;
  drain.removeEventListener("abort", pipeline.drain);
  stop.removeEventListener("abort", pipeline.stop);
  return { stopped: drain.aborted, ...(error === undefined ? {} : { error }) };
}

/** The transform of a pipeline that tells of every input before it. */
export function observing(inner: Transform | undefined, seen: (batch: RecordBatch) => void): Transform {
  return {
    name: inner?.name ?? "identity",
    deterministic: true,
    ...(inner?.preferredRows === undefined ? {} : { preferredRows: inner.preferredRows }),
    open: async () => inner?.open(),
    process(batch) {
      seen(batch);
      return inner === undefined ? batch : inner.process(batch);
    },
    close: async () => inner?.close(),
  };
}
