import { setTimeout as sleep } from "node:timers/promises";
import { abortable, assertNewest, ConnectorError, createCounters, type Identity, silentLogger } from "@x/connector-api";
import { type PipelineEvent, pipelineChannel } from "./diagnostics.js";
import { PipelineRun } from "./pipeline-run.js";
import type {
  CheckpointNumbers,
  PipelineOperators,
  PipelineSpec,
  PipelineState,
  RunningPipeline,
} from "./pipeline-spec.js";
import { type PipelineSummary, summarize } from "./pipeline-summary.js";
import { defaultRestart, restartDelay } from "./restart-policy.js";

/** Starts a pipeline and returns at once. */
export function startPipeline(spec: PipelineSpec): RunningPipeline {
  const pipeline = new Pipeline(spec);
  const finished = pipeline.run();
  return {
    name: spec.name,
    get state() {
      return pipeline.state;
    },
    get checkpoints() {
      return pipeline.checkpoints;
    },
    counters: pipeline.counters,
    get checkpointAgeMs() {
      return pipeline.checkpointAgeMs;
    },
    get restarts() {
      return pipeline.restarts;
    },
    finished,
    drain: () => pipeline.drain(),
    stopAtCheckpoint: () => pipeline.stopAtCheckpoint(),
    abandon: () => pipeline.abandon(),
    stop: () => pipeline.stop(),
  };
}

/** The runs of a pipeline, one behind the other: each begins at the last checkpoint of the one before. */
class Pipeline {
  readonly counters = createCounters();
  restarts = 0;
  #at: PipelineState = "starting";
  readonly #spec: PipelineSpec;
  readonly #drain = new AbortController();
  /** Set once it was told to end. */
  #drainTimer: NodeJS.Timeout | undefined;
  #run: PipelineRun;
  /** What the present run makes good; undefined for the first one. */
  #mending: ConnectorError | undefined;
  /** Of the last run that had one. */
  #identity: Identity | undefined;
  /** True once a run has been made durable: errors before that are the user's to see at once. */
  #started = false;
  /** Of earlier runs. */
  readonly #before = { completed: 0, failed: 0, totalMs: 0, rows: 0 };
  #futile = 0;

  constructor(spec: PipelineSpec) {
    this.#spec = spec;
    this.#run = this.#prepare(() => spec);
  }

  get state(): PipelineState {
    return this.#at === "running" && this.#drain.signal.aborted ? "draining" : this.#at;
  }

  get checkpoints(): CheckpointNumbers {
    const { completed = 0, failed = 0, totalMs = 0, lastMs } = this.#run.coordinator ?? {};
    const before = this.#before;
    return {
      completed: before.completed + completed,
      failed: before.failed + failed,
      totalMs: before.totalMs + totalMs,
      lastMs,
    };
  }

  get checkpointAgeMs(): number | undefined {
    const { coordinator } = this.#run;
    return coordinator && coordinator.completed > 0 ? performance.now() - coordinator.completedAt : undefined;
  }

  async run(): Promise<PipelineSummary> {
    const startedAt = performance.now();
    this.#become("starting");
    do await this.#run.run();
    while (this.#startsAgain());
    clearTimeout(this.#drainTimer);
    this.#become("finished");
    return summarize({
      name: this.#spec.name,
      counters: this.counters,
      checkpoints: this.checkpoints.completed,
      durationMs: performance.now() - startedAt,
      error: this.#run.failure,
    });
  }

  drain(): void {
    if (this.#at === "finished" || this.#drain.signal.aborted) return;
    this.#drain.abort();
    this.#limitEnd();
    if (this.#at !== "starting") return;
    // Nothing has been read yet, so there is nothing to wait for. But a start behind a failure has rows to read again:
    // it cannot end better than what it would have made good.
    if (this.#mending === undefined) this.#run.end("drained before anything was read");
    else this.#run.fail(this.#mending);
  }

  stopAtCheckpoint(): void {
    if (this.#at === "finished") return;
    this.#limitEnd();
    const run = this.#run;
    const durable = run.coordinator?.request() ?? Promise.resolve();
    // A failure for good is the pipeline's.
    durable.then(() => run.end("stopped at a checkpoint")).catch(() => {});
  }

  abandon(): void {
    this.#run.end("nobody takes its outputs");
  }

  stop(): void {
    this.#run.fail(new ConnectorError("ABORTED", `pipeline "${this.#spec.name}" was stopped`));
  }

  #become(state: PipelineEvent["state"]): void {
    this.#at = state;
    if (!pipelineChannel.hasSubscribers) return;
    const event: PipelineEvent = { pipeline: this.#spec.name, state, code: this.#run.failure?.code };
    pipelineChannel.publish(event);
  }

  #prepare(operators: () => PipelineOperators, ready?: (signal: AbortSignal) => Promise<void>): PipelineRun {
    const { logger = silentLogger } = this.#spec;
    return new PipelineRun({
      ...{ spec: this.#spec, ready, operators, logger, counters: this.counters, drain: this.#drain.signal },
      rowsBefore: this.#before.rows,
      onLimit: () => this.drain(),
      onRunning: () => this.#become("running"),
    });
  }

  #limitEnd(): void {
    const timeoutMs = this.#spec.drainTimeoutMs ?? 25_000;
    this.#drainTimer ??= setTimeout(() => {
      const message = `pipeline "${this.#spec.name}" was not drained within ${timeoutMs} ms; the next run continues at the last checkpoint`;
      this.#run.fail(new ConnectorError("DRAIN_TIMEOUT", message));
    }, timeoutMs);
  }

  /** Behind an error that another start may cure: makes that start ready, which waits first. */
  #startsAgain(): boolean {
    const { rebuild, restart = defaultRestart, name, checkpoints, logger = silentLogger } = this.#spec;
    const { failure, coordinator, identity = this.#identity } = this.#run;
    this.#identity = identity;
    this.#started ||= this.#run.started;
    if (failure === undefined || rebuild === undefined || identity === undefined || !this.#started) return false;
    const { completed = 0, failed = 0, totalMs = 0, durableRows = 0 } = coordinator ?? {};
    // The checkpoint that pins the start moves nothing.
    this.#futile = completed > 1 ? 0 : this.#futile + 1;
    const delayMs = restartDelay(failure, this.#futile, restart);
    // Told to end, at once or at a checkpoint: what failed meanwhile is the end.
    if (delayMs === undefined || this.#drainTimer !== undefined) return false;
    logger.warn(
      { code: failure.code, restarts: this.restarts, delayMs },
      `pipeline "${name}" failed and starts again at its last checkpoint: ${failure.message}`,
    );
    this.#before.completed += completed;
    this.#before.failed += failed;
    this.#before.totalMs += totalMs;
    this.#before.rows += durableRows;
    this.#mending = failure;
    // What the operators that are gone had waiting is not waiting any more; each counts on from there.
    Object.assign(this.counters, { lag: undefined, inFlight: 0 });
    this.#run = this.#prepare(rebuild, async (signal) => {
      await sleep(delayMs, undefined, { signal });
      // A newer instance may have taken over meanwhile: a claim now would take it back.
      await abortable(assertNewest(checkpoints, identity), signal);
      this.restarts += 1;
    });
    this.#become("starting");
    return true;
  }
}
