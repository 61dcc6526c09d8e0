import type { BoardEntry, ErrorCode } from "@x/connector-api";
import type { PipelineSummary, RunningPipeline } from "@x/runtime";
import type { RunFlags } from "../run-options.js";

/** What the command says to a worker. */
export type ToWorker =
  /** The first word. `board`: true where the command keeps the board, false where the state does. */
  | { readonly type: "start"; readonly file: string; readonly flags: RunFlags; readonly board: boolean }
  | { readonly type: "drain" }
  | { readonly type: "stop" }
  | { readonly type: "board"; readonly id: number; readonly answer: BoardEntry | boolean };

/** What a worker says to the command. */
export type FromWorker =
  | { readonly type: "board"; readonly id: number; readonly pipeline: string; readonly replace?: BoardReplacement }
  | { readonly type: "told"; readonly pipelines: readonly ToldPipeline[] }
  /** The last word. */
  | { readonly type: "ended"; readonly summaries: readonly ToldSummary[] };

export interface BoardReplacement {
  readonly entry: BoardEntry;
  readonly text: string;
}

/** The numbers of a pipeline at one moment. */
export type ToldPipeline = Pick<
  RunningPipeline,
  "name" | "state" | "checkpoints" | "counters" | "checkpointAgeMs" | "restarts" | "group"
>;

/** A summary with its error in words: an error itself does not travel. */
export type ToldSummary = Omit<PipelineSummary, "error"> & {
  readonly failure?: { readonly code: ErrorCode; readonly message: string };
};

export function tellPipeline(pipeline: RunningPipeline): ToldPipeline {
  const { name, state, checkpoints, counters, checkpointAgeMs, restarts, group } = pipeline;
  return { name, state, checkpoints, counters: { ...counters }, checkpointAgeMs, restarts, group };
}

export function tellSummary({ error, ...summary }: PipelineSummary): ToldSummary {
  return error === undefined ? summary : { ...summary, failure: { code: error.code, message: error.message } };
}
