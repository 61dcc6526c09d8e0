import type { ConnectorError, ExitCode, OperatorCounters } from "@x/connector-api";

/** How a run of a pipeline ended, in the numbers of `nats-pipeline run --json`. */
export interface PipelineSummary {
  readonly name: string;
  readonly exitCode: ExitCode;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly badRows: number;
  readonly droppedRows: number;
  /** Durable checkpoints of this run, the one that pins the start included. */
  readonly checkpoints: number;
  readonly gaps: number;
  readonly reconnects: number;
  /** From before connecting to after the final checkpoint. */
  readonly durationMs: number;
  /** What was read of each split, where processes share them: by this one, or by all workers of a command. */
  readonly splits?: Readonly<Record<string, { readonly rowsIn: number; readonly rowsOut: number }>>;
  /** Why it failed; absent on exit code 0. */
  readonly error?: ConnectorError;
}

export function summarize(run: {
  readonly name: string;
  readonly counters: OperatorCounters;
  readonly checkpoints: number;
  readonly durationMs: number;
  readonly error: ConnectorError | undefined;
}): PipelineSummary {
  const { rowsIn, rowsOut, badRows, droppedRows, gaps, reconnects } = run.counters;
  return {
    name: run.name,
    exitCode: run.error?.exitCode ?? 0,
    rowsIn,
    rowsOut,
    badRows,
    droppedRows,
    checkpoints: run.checkpoints,
    gaps,
    reconnects,
    durationMs: Math.round(run.durationMs),
    ...(run.error && { error: run.error }),
  };
}
