import { setTimeout as sleep } from "node:timers/promises";
import { abortable, ConnectorError, createInstanceId, silentLogger, toConnectorError } from "@x/connector-api";
import type { CheckpointNumbers, PipelineState, RunningPipeline } from "../pipeline-spec.js";
import { type PipelineSummary, summarize } from "../pipeline-summary.js";
import { type GroupRecord, type GroupTerms, heldBy, parseGroupRecord } from "./group-record.js";
import { defaultPace, type GroupPace, type GroupSpec } from "./group-spec.js";
import { isSatisfied, nextRecord, type SplitOutcome, type Standing, surplusOf } from "./group-turn.js";
import type { GroupView } from "./group-view.js";
import { judgeFailure, type Verdict } from "./judge-failure.js";
import { Silence } from "./silence.js";
import { type SplitRun, SplitRuns } from "./split-runs.js";
import { sumCounters } from "./sum-counters.js";

/** Joins the group of a pipeline and returns at once. The splits that it gets are read by pipelines of their own. */
export function startGroupMember(spec: GroupSpec): RunningPipeline {
  const member = new GroupMember(spec);
  const finished = member.run();
  return {
    name: spec.name,
    get state() {
      return member.state;
    },
    get checkpoints() {
      return member.checkpoints;
    },
    get counters() {
      return sumCounters(member.runs.countersBySplit.values());
    },
    get checkpointAgeMs() {
      return member.checkpointAgeMs;
    },
    get restarts() {
      return member.runs.restarts;
    },
    get group() {
      return member.view;
    },
    finished,
    drain: () => member.drain(),
    stopAtCheckpoint: () => member.stopAtCheckpoint(),
    abandon: () => member.drain(),
    stop: () => member.stop(),
  };
}

/** How long the last word on the board may take when nobody answers: the lease says the same a little later. */
const LEAVE_MS = 2000;
/** Before another attempt at a split that failed, and at a board that somebody else was writing. */
const RETRY_MS = { first: 1000, last: 30_000 };
const RACE_MS = 30;
/** After so much time without a failure of a split the next one counts as its first. */
const FORGOTTEN_MS = 600_000;
/** Times in a row that a split may be taken back from a process that reached the sink too late. */
const MAX_TAKEN_BACK = 3;

/** One process of a group: turn by turn it looks at the board, says that it lives, and does what the board says. */
class GroupMember {
  readonly runs: SplitRuns;
  readonly #spec: GroupSpec;
  readonly #terms: GroupTerms;
  readonly #pace: GroupPace;
  readonly #silence: Silence;
  readonly #verdicts = new Map<SplitRun, Verdict>();
  readonly #failures = new Map<string, { readonly times: number; readonly notBefore: number }>();
  /** Ends a turn that nobody answers. */
  readonly #abandoned = new AbortController();
  #id = createInstanceId();
  #record: GroupRecord | undefined;
  #joined = false;
  #leaving = false;
  #finished = false;
  #failure: ConnectorError | undefined;
  /** What a split of this process has failed with, where that ends the pipeline for all. */
  #fatal: ConnectorError | undefined;
  #leaveTimer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;

  constructor(spec: GroupSpec) {
    const { name, group, untilCaughtUp = false, splits, pace = defaultPace } = spec;
    this.#spec = spec;
    this.#terms = { pipeline: name, group, untilCaughtUp, names: splits };
    this.#pace = pace;
    this.#silence = new Silence(pace.leaseMs, 2 * pace.beatMs);
    const { checkpoints, operators } = spec;
    this.runs = new SplitRuns({ spec, checkpoints, operators, onEnd: (run) => void this.#judge(run) });
  }

  get state(): PipelineState {
    if (this.#finished) return "finished";
    if (this.#leaving) return "draining";
    const opening = this.runs.pipelines.some(({ state }) => state === "starting");
    return this.#joined && !opening ? "running" : "starting";
  }

  get checkpoints(): CheckpointNumbers {
    return this.runs.checkpoints;
  }

  /** Of the split that is farthest behind. */
  get checkpointAgeMs(): number | undefined {
    const ages = this.runs.pipelines.flatMap(({ checkpointAgeMs }) => checkpointAgeMs ?? []);
    return ages.length === 0 ? undefined : Math.max(...ages);
  }

  get view(): GroupView {
    const { members = {}, splits = {}, turn = 0 } = this.#record ?? {};
    const holders = new Map(this.#terms.names.map((name) => [name, splits[name]?.holder] as const));
    const rows = new Map(
      [...this.runs.countersBySplit].map(([split, { rowsIn, rowsOut }]) => [split, { rowsIn, rowsOut }] as const),
    );
    const own = new Set(this.#joined ? [this.#id] : []);
    return { name: this.#terms.group, turn, members: Object.keys(members), own, holders, rows };
  }

  async run(): Promise<PipelineSummary> {
    const startedAt = performance.now();
    try {
      await this.#turns();
    } catch (error) {
      this.#end(toConnectorError(error));
      await Promise.all(this.runs.pipelines.map(({ finished }) => finished));
    }
    clearTimeout(this.#leaveTimer);
    this.#finished = true;
    const summary = summarize({
      name: this.#spec.name,
      counters: sumCounters(this.runs.countersBySplit.values()),
      checkpoints: this.checkpoints.completed,
      durationMs: performance.now() - startedAt,
      error: this.#failure,
    });
    return { ...summary, splits: Object.fromEntries(this.view.rows) };
  }

  drain(): void {
    if (this.#finished || this.#leaving) return;
    this.#end();
  }

  stopAtCheckpoint(): void {
    if (!this.#finished && !this.#leaving) this.#end(undefined, (run) => run.stopAtCheckpoint());
  }

  stop(): void {
    this.#end(new ConnectorError("ABORTED", `pipeline "${this.#spec.name}" was stopped`), (run) => run.stop());
  }

  /** From here on it hands over what it has. */
  #end(failure?: ConnectorError, tell: (run: SplitRun) => void = (run) => run.drain()): void {
    this.#failure ??= failure;
    this.#leaving = true;
    for (const run of this.runs.all) tell(run);
    this.#limitLeaving();
    this.#wake?.();
  }

  #limitLeaving(): void {
    if (!this.#leaving || this.runs.pipelines.length > 0) return;
    this.#leaveTimer ??= setTimeout(() => this.#abandoned.abort(), LEAVE_MS);
  }

  async #turns(): Promise<void> {
    const { signal } = this.#abandoned;
    for (;;) {
      try {
        if (await abortable(this.#turn(), signal)) return;
      } catch (error) {
        if (signal.aborted) return;
        const { code, retry, message } = toConnectorError(error);
        if (!this.#joined || retry !== "backoff") throw error;
        this.#logger.warn({ code }, `the group's board is not read and asked again: ${message}`);
      }
      await this.#pause();
    }
  }

  /** Until the next beat, or until something has happened. */
  async #pause(): Promise<void> {
    const awake = new AbortController();
    this.#wake = () => awake.abort();
    const isDone = this.#leaving && this.runs.size === 0;
    if (this.#verdicts.size === 0 && !isDone) {
      await sleep(this.#pace.beatMs, undefined, { signal: awake.signal }).catch(() => {});
    }
    this.#wake = undefined;
  }

  /** True when it was the last one. */
  async #turn(): Promise<boolean> {
    const { board } = this.#spec;
    for (;;) {
      const entry = await board.read();
      const seen = parseGroupRecord(entry.text, this.#spec.name);
      if (this.#joined && seen?.members[this.#id] === undefined) this.#rejoin();
      const over = this.#over();
      const next = nextRecord(seen, this.#terms, this.#standing(seen, over));
      if (next !== undefined && !(await board.replace(entry, JSON.stringify(next)))) {
        await sleep(Math.random() * RACE_MS);
        continue;
      }
      for (const split of over.keys()) this.#settle(split);
      this.#record = next ?? seen;
      return this.#follow(next);
    }
  }

  /** Does what the board says. True when this member is no longer on it. */
  #follow(record: GroupRecord | undefined): boolean {
    if (record?.ended !== undefined) {
      const { code, message } = record.ended;
      const own = this.#fatal?.message === message ? this.#fatal : undefined;
      this.#end(own ?? new ConnectorError(code, message, { retry: "never" }));
    }
    const mine = record?.members[this.#id];
    if (record === undefined || mine === undefined) {
      this.#stopLost(record);
      return record === undefined ? this.#leaving && this.runs.size === 0 : true;
    }
    this.#joined = true;
    this.#stopLost(record);
    if (isSatisfied(record, mine.since)) this.#end();
    if (this.#leaving) return false;
    for (const split of heldBy(record, this.#id)) if (this.runs.get(split) === undefined) this.#take(split);
    const running = this.runs.all.filter((run) => run.end === undefined && !run.told);
    const handedOver = heldBy(record, this.#id).length - running.length;
    for (const run of running.slice(0, Math.max(0, surplusOf(record, this.#id) - handedOver))) {
      this.#logger.info({ split: run.split }, `split ${run.split} is handed over`);
      run.drain();
    }
    return false;
  }

  /** Runs of splits that somebody else may have by now. */
  #stopLost(record: GroupRecord | undefined): void {
    for (const run of this.runs.all) {
      if (run.member === this.#id && (record === undefined || record.splits[run.split]?.holder === this.#id)) continue;
      if (run.end === undefined) run.stop();
    }
  }

  #take(split: string): void {
    this.#logger.info({ split, member: this.#id }, `split ${split} is read here`);
    this.runs.start(split, this.#id);
  }

  /** It was silent for too long, and what it had may be somebody else's. */
  #rejoin(): void {
    this.#logger.warn({ member: this.#id }, "this process was silent for longer than its lease and joins again");
    this.#joined = false;
    this.#id = createInstanceId();
    for (const run of this.runs.all) if (run.end === undefined) run.stop();
  }

  #standing(seen: GroupRecord | undefined, over: ReadonlyMap<string, SplitOutcome>): Standing {
    const silent = new Set(seen === undefined ? [] : this.#silence.look(seen));
    silent.delete(this.#id);
    if (silent.size > 0)
      this.#logger.warn({ silent: [...silent] }, "members of the group are gone; their splits are free");
    const cooling = [...this.#failures].flatMap(([split, { notBefore }]) =>
      notBefore > performance.now() ? [split] : [],
    );
    const { host, pid } = this.#spec;
    return {
      ...{ id: this.#id, host, pid, silent, over },
      leaving: this.#leaving,
      lives: (id) => this.#silence.heard(id),
      unavailable: new Set([...this.runs.all.map(({ split }) => split), ...cooling]),
      busy: this.runs.all.some(({ split }) => !over.has(split)),
    };
  }

  /** Runs that are over and judged. */
  #over(): ReadonlyMap<string, SplitOutcome> {
    const over = new Map<string, SplitOutcome>();
    for (const run of this.runs.all) {
      const verdict = this.#verdicts.get(run);
      if (run.end === undefined || verdict === undefined) continue;
      if (run.end.kind === "failed" && verdict === "everybody") {
        this.#fatal = run.end.error;
        over.set(run.split, { ends: run.end.error });
      } else over.set(run.split, run.end.kind === "caught-up" ? "caught-up" : "handed-over");
    }
    return over;
  }

  #settle(split: string): void {
    const run = this.runs.get(split);
    if (run !== undefined) this.#verdicts.delete(run);
    this.runs.settle(split);
  }

  /** Says what the end of a run means, then lets the next turn put it on the board. */
  async #judge(run: SplitRun): Promise<void> {
    this.#limitLeaving();
    const verdict = await this.#verdictOn(run).catch((error: unknown): Verdict => {
      this.#end(toConnectorError(error));
      return "this-process";
    });
    this.#verdicts.set(run, verdict);
    this.#wake?.();
  }

  async #verdictOn({ split, member, end }: SplitRun): Promise<Verdict> {
    if (end?.kind !== "failed") return "handed-over";
    const { error } = end;
    const { name, checkpoints, board } = this.#spec;
    const record = parseGroupRecord((await board.read()).text, name);
    // Its split is somebody else's.
    if (member !== this.#id || record?.splits[split]?.holder !== member) return "handed-over";
    const established = this.checkpoints.completed > 0;
    const failed = { pipeline: name, split, error, established, leaving: this.#leaving };
    const verdict = await judgeFailure(failed, checkpoints);
    if (verdict === "this-process") this.#end(error);
    if (verdict !== "again") return verdict;
    const before = this.#failures.get(split);
    const isRecent = before !== undefined && performance.now() - before.notBefore < FORGOTTEN_MS;
    const times = isRecent ? before.times + 1 : 1;
    if (error.code === "FENCED" && times > MAX_TAKEN_BACK) return "everybody";
    const delayMs = Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** (times - 1));
    this.#failures.set(split, { times, notBefore: performance.now() + delayMs });
    this.#logger.warn(
      { split, code: error.code, delayMs },
      `split ${split} failed and is tried again: ${error.message}`,
    );
    return verdict;
  }

  get #logger() {
    return this.#spec.logger ?? silentLogger;
  }
}
