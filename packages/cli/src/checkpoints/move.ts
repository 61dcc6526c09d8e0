import {
  type CheckpointStore,
  ConnectorError,
  type InputPlace,
  type MovedSplit,
  openIncarnation,
  type SplitState,
} from "@x/connector-api";
import { splitName } from "@x/runtime";
import { type KeptPosition, readPosition } from "../kept-position.js";
import { type OpenScript, withScript } from "../open-script.js";
import type { Output } from "../output.js";
import { pickPipeline } from "../pick-pipeline.js";
import type { PlannedPipeline, PlannedTable } from "../plan-pipelines.js";
import { countFlag, type ScriptFlags } from "../script-flags.js";
import { findCheckpoint } from "./show.js";
import { openKeptState } from "./with-state.js";

export interface MoveFlags extends ScriptFlags {
  readonly state: string;
  readonly toSeq?: string;
  readonly toTime?: string;
  readonly skip?: boolean;
  readonly pipeline?: string;
  /** The new pipeline will be run by a group. */
  readonly group?: boolean;
}

/** How long looking at the input may take. */
const BUDGET_MS = 120_000;

/** `nats-pipeline checkpoint rewind`: claims the pipeline, so that no other instance goes on, and moves its splits. */
export function rewindCheckpoint(file: string, flags: MoveFlags, output: Output): Promise<number> {
  return withStandingPipeline(file, flags, output, async (pipeline, store, script) => {
    const { name, sink } = pipeline;
    if (sink?.connector.keepsProgress?.(sink.profile, sink.table) === true) {
      throw new ConnectorError(
        "USAGE",
        `pipeline "${name}" delivers exactly once: the sink keeps the position, and what was written is not written again; use "checkpoint fork" and run under the new name`,
      );
    }
    const place = placeOf(flags);
    if (place === undefined) throw new ConnectorError("USAGE", "give the place to go back to: --to-seq or --to-time");
    const { splits, shared } = await positionOf(store, pipeline, script);
    const moved = await moveAll(pipeline.source, splits, place, flags.skip === true);
    const epoch = await save(store, name, moved, shared, script);
    report(output, flags.json === true, { event: "rewound", pipeline: name, epoch, splits: moved });
    output.stderr.write(
      `an instance of "${name}" that runs stops with exit code 5; start it again to read from there\n`,
    );
    return 0;
  });
}

/** `nats-pipeline checkpoint fork`: a pipeline of a new name that begins where the other one stands, or elsewhere. */
export function forkCheckpoint(file: string, newName: string, flags: MoveFlags, output: Output): Promise<number> {
  return withStandingPipeline(file, flags, output, async (pipeline, store, script) => {
    const { name, source } = pipeline;
    const names = await store.pipelines();
    if (names.some((one) => one === newName || one.startsWith(splitName(newName, "")))) {
      throw new ConnectorError(
        "USAGE",
        `${store.description} holds a pipeline "${newName}" already; give another name`,
      );
    }
    const { splits } = await positionOf(store, pipeline, script);
    const place = placeOf(flags);
    const moved = place === undefined ? asTheyAre(splits) : await moveAll(source, splits, place, flags.skip === true);
    const epoch = await save(store, newName, forkOf(moved), flags.group === true, script);
    report(output, flags.json === true, { event: "forked", pipeline: newName, from: name, epoch, splits: moved });
    return 0;
  });
}

function withStandingPipeline(
  file: string,
  flags: MoveFlags,
  output: Output,
  use: (pipeline: PlannedPipeline, store: CheckpointStore, script: OpenScript) => Promise<number>,
): Promise<number> {
  return withScript(file, flags, output, async (script) => {
    const store = openKeptState(flags.state, script.pipelines, script.logger);
    try {
      return await use(pickPipeline(script.pipelines, flags.pipeline), store, script);
    } finally {
      await store.close();
    }
  });
}

function placeOf({ toSeq, toTime }: MoveFlags): InputPlace | undefined {
  if (toSeq !== undefined && toTime !== undefined) {
    throw new ConnectorError("USAGE", "--to-seq and --to-time exclude each other; give one");
  }
  if (toSeq !== undefined) return { sequence: countFlag("--to-seq", toSeq) };
  return toTime === undefined ? undefined : { time: toTime };
}

/** Positions that a sink with progress of its own must not look for under the new name. */
function forkOf(moved: MovedSplits): MovedSplits {
  const forked = Object.entries(moved).map(
    ([split, one]) => [split, { ...one, state: { ...one.state, forked: true } }] as const,
  );
  return Object.fromEntries(forked);
}

type MovedSplits = Readonly<Record<string, MovedSplit>>;

/** Moves every split, and refuses before anything is written. */
async function moveAll(
  source: PlannedTable,
  splits: Readonly<Record<string, SplitState>>,
  place: InputPlace,
  maySkip: boolean,
): Promise<MovedSplits> {
  const { connector } = source;
  if (connector.moveSplit === undefined) {
    throw new ConnectorError("UNSUPPORTED", `connector "${connector.name}" cannot move its position`);
  }
  const moved: Record<string, MovedSplit> = {};
  for (const [split, state] of Object.entries(splits)) {
    moved[split] = await connector.moveSplit(source, state, place, AbortSignal.timeout(BUDGET_MS));
  }
  const skipping = Object.values(moved).find(({ skips }) => skips > 0);
  if (skipping !== undefined && !maySkip) {
    throw new ConnectorError(
      "USAGE",
      `${skipping.summary}: ${skipping.skips} between them would never be read; add --skip if that is meant`,
    );
  }
  return moved;
}

function asTheyAre(splits: Readonly<Record<string, SplitState>>): MovedSplits {
  const moved = Object.entries(splits).map(
    ([split, state]) => [split, { state, summary: "as it was", skips: 0 }] as const,
  );
  return Object.fromEntries(moved);
}

/** Where a pipeline stands; USAGE, with what there is, when no checkpoint of it is kept. */
async function positionOf(
  store: CheckpointStore,
  pipeline: PlannedPipeline,
  { logger }: OpenScript,
): Promise<KeptPosition> {
  const kept = await readPosition(store, pipeline, (message) => logger.warn({}, message));
  return kept ?? { ...(await findCheckpoint(store, pipeline.name, undefined)), shared: false };
}

/**
 * The first checkpoint of a new incarnation, or of one per split for a group: whoever held the pipeline is fenced by the
 * claim. Resolves to the highest epoch.
 */
async function save(
  store: CheckpointStore,
  name: string,
  moved: MovedSplits,
  shared: boolean,
  { logger }: OpenScript,
): Promise<number> {
  const all = Object.entries(moved).map(([split, { state }]) => [split, state] as const);
  const parts = shared ? all.map((one) => [splitName(name, one[0]), [one]] as const) : [[name, all] as const];
  let highest = 0;
  for (const [kept, splits] of parts) {
    const incarnation = await openIncarnation(store, kept, logger);
    await incarnation.save(0, new Map(splits));
    highest = Math.max(highest, incarnation.identity.epoch);
  }
  return highest;
}

interface Moved {
  readonly event: "rewound" | "forked";
  readonly pipeline: string;
  readonly from?: string;
  readonly epoch: number;
  readonly splits: MovedSplits;
}

function report(output: Output, json: boolean, { splits, ...moved }: Moved): void {
  if (json) {
    const states = Object.fromEntries(Object.entries(splits).map(([split, { state }]) => [split, state]));
    output.stdout.write(`${JSON.stringify({ ...moved, checkpointId: 0, splits: states })}\n`);
    return;
  }
  const lines = Object.entries(splits).map(([split, { summary }]) => `  split ${split}: ${summary}\n`);
  const head = moved.from === undefined ? moved.pipeline : `${moved.pipeline}, from ${moved.from}`;
  output.stdout.write(`${head}: ${moved.event}, checkpoint ${moved.epoch}-0\n${lines.join("")}`);
}
