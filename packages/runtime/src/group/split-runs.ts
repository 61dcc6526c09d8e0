import { type CheckpointStore, type ConnectorError, createCounters, type OperatorCounters } from "@x/connector-api";
import { startPipeline } from "../pipeline.js";
import type { CheckpointNumbers, PipelineOperators, PipelineSpec, RunningPipeline } from "../pipeline-spec.js";
import { splitStore } from "./split-store.js";
import { settledCounters, sumCheckpoints, sumCounters } from "./sum-counters.js";

/** How the run of a split ended. */
export type SplitEnd =
  /** It has read what there was at its start. */
  | { readonly kind: "caught-up" }
  /** It was told to end. */
  | { readonly kind: "handed-over" }
  | { readonly kind: "failed"; readonly error: ConnectorError };

/** The run of one split, under a lease of a member. */
export interface SplitRun {
  readonly split: string;
  /** The member that has it. */
  readonly member: string;
  /** Set when it is over. */
  readonly end: SplitEnd | undefined;
  /** True from when it was told to end. */
  readonly told: boolean;
  /** Ends in an orderly way: last rows out, last checkpoint. */
  drain(): void;
  /** Ends behind the next checkpoint. */
  stopAtCheckpoint(): void;
  /** Ends at once: somebody else may have the split. */
  stop(): void;
}

export interface SplitRunsOptions {
  /** How each of them runs, but for what it reads and where its checkpoints are. */
  readonly spec: Omit<PipelineSpec, "source" | "sink" | "transform" | "rebuild" | "checkpoints">;
  readonly checkpoints: CheckpointStore;
  readonly operators: (split: string) => PipelineOperators;
  /** Called when one is over. */
  readonly onEnd: (run: SplitRun) => void;
}

interface Run extends SplitRun {
  readonly pipeline: RunningPipeline;
  end: SplitEnd | undefined;
  told: boolean;
}

/** The splits that this process reads, each by an ordinary pipeline, and the numbers of all it has read. */
export class SplitRuns {
  readonly #options: SplitRunsOptions;
  readonly #runs = new Map<string, Run>();
  /** Numbers of runs that are over, by split. */
  readonly #past = new Map<string, OperatorCounters>();
  #pastCheckpoints: CheckpointNumbers = { completed: 0, failed: 0, totalMs: 0, lastMs: undefined };
  #pastRestarts = 0;

  constructor(options: SplitRunsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#runs.size;
  }

  get all(): readonly SplitRun[] {
    return [...this.#runs.values()];
  }

  /** The pipelines under way. */
  get pipelines(): readonly RunningPipeline[] {
    return [...this.#runs.values()].flatMap(({ pipeline, end }) => (end === undefined ? [pipeline] : []));
  }

  /** Begins to read a split that nobody in this process reads. */
  start(split: string, member: string): void {
    const { spec, checkpoints, operators } = this.#options;
    const rebuild = (): PipelineOperators => operators(split);
    const pipeline = startPipeline({ ...spec, ...rebuild(), rebuild, checkpoints: splitStore(checkpoints, split) });
    const run: Run = {
      ...{ split, member, pipeline, end: undefined, told: false },
      drain() {
        this.told = true;
        pipeline.drain();
      },
      stopAtCheckpoint() {
        this.told = true;
        pipeline.stopAtCheckpoint();
      },
      stop() {
        this.told = true;
        pipeline.stop();
      },
    };
    this.#runs.set(split, run);
    void pipeline.finished.then(({ error }) => {
      if (error !== undefined) run.end = { kind: "failed", error };
      else run.end = { kind: run.told ? "handed-over" : "caught-up" };
      this.#options.onEnd(run);
    });
  }

  get(split: string): SplitRun | undefined {
    return this.#runs.get(split);
  }

  /** Forgets a run that is over, and keeps its numbers. */
  settle(split: string): void {
    const run = this.#runs.get(split);
    if (run === undefined) return;
    const { counters, checkpoints, restarts } = run.pipeline;
    this.#runs.delete(split);
    this.#past.set(split, sumCounters([this.#past.get(split) ?? createCounters(), settledCounters(counters)]));
    this.#pastCheckpoints = sumCheckpoints([this.#pastCheckpoints, checkpoints]);
    this.#pastRestarts += restarts;
  }

  /** Of every split that this process has read, whether it still does or not. */
  get countersBySplit(): ReadonlyMap<string, Readonly<OperatorCounters>> {
    const all = new Map<string, Readonly<OperatorCounters>>(this.#past);
    for (const [split, { pipeline, end }] of this.#runs) {
      const now = end === undefined ? pipeline.counters : settledCounters(pipeline.counters);
      all.set(split, sumCounters([this.#past.get(split) ?? createCounters(), now]));
    }
    return all;
  }

  get checkpoints(): CheckpointNumbers {
    return sumCheckpoints([
      this.#pastCheckpoints,
      ...[...this.#runs.values()].map(({ pipeline }) => pipeline.checkpoints),
    ]);
  }

  get restarts(): number {
    return [...this.#runs.values()].reduce((sum, { pipeline }) => sum + pipeline.restarts, this.#pastRestarts);
  }
}
