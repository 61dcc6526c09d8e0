import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ConnectorError,
  createCounters,
  type GroupBoard,
  type Logger,
  memoryBoard,
  toConnectorError,
} from "@x/connector-api";
import {
  type PipelineSummary,
  type RunningPipeline,
  removeProcess,
  settledCounters,
  sumCheckpoints,
  sumCounters,
  summarize,
  sumViews,
} from "@x/runtime";
import type { RunFlags } from "../run-options.js";
import { type FromWorker, type ToldPipeline, type ToldSummary, tellSummary } from "./messages.js";
import { Worker, type WorkerEnd } from "./worker.js";

export interface WorkerPoolOptions {
  readonly count: number;
  readonly file: string;
  readonly flags: RunFlags;
  /** Names of the pipelines, in the order of the file. */
  readonly pipelines: readonly string[];
  /** Where the members of a pipeline meet, when that is in the state; undefined: here. */
  readonly boardOf: ((pipeline: string) => GroupBoard | undefined) | undefined;
  readonly logger: Logger;
  /** Prints a line of a worker's log. */
  readonly print: (line: string) => void;
}

/** Before a killed worker is replaced; each next time twice as long, until one has lived for a minute. */
const REPLACE_MS = { first: 200, last: 30_000, forgottenAfter: 60_000 };

/** What is left of a worker: its last word, or what it told last before it was killed. */
interface Remains {
  readonly told: readonly ToldPipeline[];
  readonly summaries: readonly ToldSummary[];
}

/**
 * Workers of one command, each of which runs a member of every pipeline's group. One that is killed is replaced; one that
 * ends by itself is not. The pipelines are those of all workers together.
 */
export class WorkerPool {
  readonly pipelines: readonly RunningPipeline[];
  readonly #options: WorkerPoolOptions;
  readonly #boards = new Map<string, GroupBoard>();
  readonly #workers = new Set<Worker>();
  readonly #remains: Remains[] = [];
  readonly #leaving = new AbortController();
  readonly #startedAt = performance.now();
  #stopped = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    if (options.boardOf === undefined) for (const name of options.pipelines) this.#boards.set(name, memoryBoard());
    const finished = Promise.all(Array.from({ length: options.count }, () => this.#keep())).then(() => {});
    this.pipelines = options.pipelines.map((name) => this.#pipeline(name, finished));
  }

  /** One worker and those that replace it. */
  async #keep(): Promise<void> {
    const { logger, file, flags, print, boardOf } = this.#options;
    for (let delayMs = REPLACE_MS.first; ; delayMs = Math.min(REPLACE_MS.last, 2 * delayMs)) {
      const bornAt = performance.now();
      const worker: Worker = new Worker(
        { type: "start", file, flags, board: boardOf === undefined },
        { onLine: print, onBoard: (question) => void this.#answer(worker, question) },
      );
      this.#workers.add(worker);
      logger.info({ pid: worker.pid }, "a worker has started");
      if (this.#leaving.signal.aborted) worker.say({ type: this.#stopped ? "stop" : "drain" });
      const { exitCode, signal } = await worker.gone;
      this.#workers.delete(worker);
      this.#forget(worker.pid);
      const { told, summaries } = worker;
      this.#remains.push({ told, summaries: summaries ?? this.#unsaid(worker, { exitCode, signal }) });
      if (signal === null || summaries !== undefined || this.#leaving.signal.aborted) return;
      if (performance.now() - bornAt > REPLACE_MS.forgottenAfter) delayMs = REPLACE_MS.first;
      logger.warn({ pid: worker.pid, signal, delayMs }, `a worker was ended by ${signal} and is replaced`);
      await sleep(delayMs, undefined, { signal: this.#leaving.signal }).catch(() => {});
      if (this.#leaving.signal.aborted) return;
    }
  }

  /** For a worker that ended without a word. One that is replaced has not failed. */
  #unsaid({ pid }: Worker, { exitCode, signal }: WorkerEnd): readonly ToldSummary[] {
    if (signal !== null && !this.#leaving.signal.aborted) return [];
    const message =
      signal === null
        ? `worker ${pid} ended with exit code ${exitCode}; its log says why`
        : `worker ${pid} was ended by ${signal} before it was drained; the next run continues at the last checkpoints`;
    const error = new ConnectorError("UNEXPECTED", message);
    const numbers = { counters: createCounters(), checkpoints: 0, durationMs: 0, error };
    return this.#options.pipelines.map((name) => tellSummary(summarize({ name, ...numbers })));
  }

  #boardOf(pipeline: string): GroupBoard | undefined {
    return this.#boards.get(pipeline) ?? this.#options.boardOf?.(pipeline);
  }

  async #answer(worker: Worker, { id, pipeline, replace }: Extract<FromWorker, { type: "board" }>): Promise<void> {
    const board = this.#boards.get(pipeline);
    if (board === undefined) return;
    const answer = replace === undefined ? await board.read() : await board.replace(replace.entry, replace.text);
    worker.say({ type: "board", id, answer });
  }

  /** What a process had that is gone is free at once. Where nobody answers, its lease ends all the same. */
  #forget(pid: number): void {
    for (const name of this.#options.pipelines) {
      const board = this.#boardOf(name);
      if (board === undefined) continue;
      removeProcess(board, name, { host: hostname(), pid }).catch((error: unknown) => {
        const { code, message } = toConnectorError(error);
        this.#options.logger.warn({ pid, code }, `the splits of a worker that is gone wait for its lease: ${message}`);
      });
    }
  }

  #pipeline(name: string, finished: Promise<void>): RunningPipeline {
    const of = (told: readonly ToldPipeline[]): readonly ToldPipeline[] => told.filter((one) => one.name === name);
    const alive = (): readonly ToldPipeline[] => [...this.#workers].flatMap(({ told }) => of(told));
    const all = (): readonly ToldPipeline[] => [
      ...this.#remains.flatMap(({ told }) => of(told).map(settled)),
      ...alive(),
    ];
    let isOver = false;
    const pipeline: RunningPipeline = {
      name,
      get state() {
        if (isOver) return "finished";
        const states = alive().map(({ state }) => state);
        if (states.includes("draining")) return "draining";
        return states.length > 0 && !states.includes("starting") ? "running" : "starting";
      },
      get checkpoints() {
        return sumCheckpoints(all().map(({ checkpoints }) => checkpoints));
      },
      get counters() {
        return sumCounters(all().map(({ counters }) => counters));
      },
      get checkpointAgeMs() {
        const ages = alive().flatMap(({ checkpointAgeMs }) => checkpointAgeMs ?? []);
        return ages.length === 0 ? undefined : Math.max(...ages);
      },
      get restarts() {
        return all().reduce((sum, { restarts }) => sum + restarts, 0);
      },
      get group() {
        return sumViews(all().flatMap(({ group }) => group ?? []));
      },
      finished: finished.then(() => {
        isOver = true;
        return this.#summary(pipeline);
      }),
      drain: () => this.drain(),
      stopAtCheckpoint: () => this.drain(),
      abandon: () => this.drain(),
      stop: () => this.stop(),
    };
    return pipeline;
  }

  /** All workers together; the error is the one with the greatest exit code. */
  #summary({ name, counters, checkpoints, group }: RunningPipeline): PipelineSummary {
    const failures = this.#remains.flatMap(({ summaries }) =>
      summaries.flatMap((one) => (one.name === name && one.failure !== undefined ? [one.failure] : [])),
    );
    const errors = failures.map(({ code, message }) => new ConnectorError(code, message));
    const [error] = errors.sort((a, b) => b.exitCode - a.exitCode);
    const durationMs = performance.now() - this.#startedAt;
    const summary = summarize({ name, counters, checkpoints: checkpoints.completed, durationMs, error });
    return { ...summary, splits: Object.fromEntries(group?.rows ?? []) };
  }

  drain(): void {
    this.#leaving.abort();
    for (const worker of this.#workers) worker.say({ type: "drain" });
  }

  stop(): void {
    this.#stopped = true;
    this.#leaving.abort();
    for (const worker of this.#workers) worker.say({ type: "stop" });
  }
}

function settled(told: ToldPipeline): ToldPipeline {
  return { ...told, counters: settledCounters(told.counters) };
}
