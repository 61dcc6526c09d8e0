import { createHash } from "node:crypto";
import { ConnectorError, type RecordBatch, type Transform } from "@x/connector-api";
import { readPosition } from "../kept-position.js";
import { type OpenScript, withScript } from "../open-script.js";
import type { Output } from "../output.js";
import { pickPipeline } from "../pick-pipeline.js";
import type { PlannedPipeline, PlannedTable } from "../plan-pipelines.js";
import { renderDifferences } from "../render/differences.js";
import { styleOf } from "../render/style.js";
import { countFlag, type ScriptFlags } from "../script-flags.js";
import { openStateStore } from "../state-store.js";
import { onStopSignals } from "../stop-signals.js";
import type { Tally } from "./differences.js";
import { type OutputReader, outputReader } from "./output-reader.js";
import { type Progress, readProgress, removeProgress, writeProgress } from "./progress-file.js";
import { observing, type WalkOptions, walk } from "./walk.js";

export interface VerifyFlags extends ScriptFlags {
  readonly state: string;
  readonly pipeline?: string;
  readonly fromSeq?: string;
  readonly toSeq?: string;
  readonly key?: string;
  readonly allowDuplicates?: boolean;
  readonly progress?: string;
}

/** `nats-pipeline verify`: runs the query over the input again and counts its rows against what the sink holds. */
export function verifyScript(file: string, flags: VerifyFlags, output: Output): Promise<number> {
  return withScript(file, flags, output, async (script) => {
    const pipeline = pickPipeline(script.pipelines, flags.pipeline);
    const { sink, query, name } = pipeline;
    if (sink === undefined)
      throw new ConnectorError("USAGE", `"${name}" prints its rows: there is no sink to look into`);
    if (!query.deterministic) {
      throw new ConnectorError("USAGE", `the query of "${name}" gives other rows each time: nothing can be compared`);
    }
    const of = subjectOf(name, flags, script);
    const saved = flags.progress === undefined ? undefined : readProgress(flags.progress, of);
    const range = await rangeOf(pipeline, flags, script, saved);
    const reader = outputReader(
      pipeline,
      sink,
      flags.key?.split(",").map((column) => column.trim()),
    );
    const tally = reader.createTally(range.ordered, saved?.tally);
    const [drain, stop] = [new AbortController(), new AbortController()];
    // For all walks together: a signal between two of them counts as well.
    const release = onStopSignals({ first: () => drain.abort(), second: () => stop.abort() });
    const reading = { logger: script.logger, drain: drain.signal, stop: stop.signal };
    const done = await count({
      ...{ pipeline, sink, range, reader, tally, saved, of, file: flags.progress, reading },
    }).finally(release);
    if (!done) {
      output.stderr.write(flags.progress === undefined ? "interrupted\n" : `interrupted; run it again to go on\n`);
      return 130;
    }
    if (flags.progress !== undefined) removeProgress(flags.progress);
    const differences = tally.differences();
    if (differences.found + differences.unverifiable === 0 && differences.expected > 0) reader.explainNothing();
    const { lost, duplicated, reordered, unexpected } = differences;
    const tolerated = flags.allowDuplicates === true ? 0 : duplicated;
    const holds = lost + tolerated + reordered + unexpected === 0;
    const judged = { pipeline: name, from: range.from ?? null, to: range.to ?? null, holds, ...differences };
    if (flags.json === true) output.stdout.write(`${JSON.stringify({ event: "verify", ...judged })}\n`);
    else output.stdout.write(renderDifferences(judged, styleOf(output.stdout)));
    return holds ? 0 : 4;
  });
}

interface SourceRange {
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Several splits, or readers that share one, keep no order among them. */
  readonly ordered: boolean;
}

/** What is verified, as text: counts of one must not be added to those of another. */
function subjectOf(name: string, { fromSeq, toSeq, key }: VerifyFlags, { sql }: OpenScript): string {
  return JSON.stringify([name, fromSeq, toSeq, key, createHash("sha256").update(sql.text).digest("hex")]);
}

/** Up to the last checkpoint, of now or of when it began: what lies behind it may be on its way. */
async function rangeOf(
  pipeline: PlannedPipeline,
  flags: VerifyFlags,
  { pipelines, logger }: OpenScript,
  saved: Progress | undefined,
): Promise<SourceRange> {
  const from = flags.fromSeq === undefined ? undefined : countFlag("--from-seq", flags.fromSeq);
  const store = openStateStore(flags.state, pipelines, logger);
  try {
    const last = await readPosition(store, pipeline, (message) => logger.warn({}, message));
    const states = Object.values(last?.splits ?? {});
    const { readThrough } = pipeline.source.connector;
    const passed = readThrough === undefined ? [] : states.map((state) => readThrough(state));
    const checkpoint = passed.length === 0 ? undefined : Math.min(...passed);
    const now = flags.toSeq === undefined ? checkpoint : countFlag("--to-seq", flags.toSeq);
    const to = saved === undefined ? now : saved.to;
    return { from, to, ordered: states.length <= 1 && states[0]?.ordering !== "none" };
  } finally {
    await store.close();
  }
}

interface Counting {
  readonly pipeline: PlannedPipeline;
  readonly sink: PlannedTable;
  readonly range: SourceRange;
  readonly reader: OutputReader;
  readonly tally: Tally<unknown>;
  readonly saved: Progress | undefined;
  readonly of: string;
  readonly file: string | undefined;
  readonly reading: Pick<WalkOptions, "logger" | "drain" | "stop">;
}

/** One walk after the other. False when a signal ended it before its end. */
async function count(counting: Counting): Promise<boolean> {
  const { pipeline, sink, range, reader, tally, saved, of, file, reading } = counting;
  let nextInput = saved?.nextInput ?? range.from;
  let nextOutput = saved?.nextOutput ?? 0;
  const save = (): void => {
    if (file !== undefined)
      writeProgress(file, { of, to: range.to, nextInput: nextInput ?? 0, nextOutput, tally: tally.save() });
  };
  const inputs = { ...(nextInput === undefined ? {} : { from: { sequence: nextInput } }), ...toOf(range.to) };
  if (nextOutput === 0 && (range.to === undefined || (nextInput ?? 0) <= range.to)) {
    const source = replay(pipeline.source, inputs, "input");
    const seen = (batch: RecordBatch): void => {
      for (const [i, position] of batch.positions.entries()) {
        // Rows of one input share its position.
        if (i === 0 || batch.positions[i - 1] !== position) tally.input(Number(position));
      }
    };
    const { stopped, error } = await walk({
      ...{ name: "verify-input", source, ...reading },
      transform: observing(transformOf(pipeline), seen),
      take: (batch) => reader.expect(batch, tally),
      passed(last) {
        nextInput = last + 1;
        save();
      },
    });
    if (error !== undefined) throw error;
    if (stopped) return false;
    nextOutput = 1;
  }
  const begin = saved === undefined || nextOutput <= 1 ? {} : { from: { sequence: nextOutput } };
  const { stopped, error } = await walk({
    ...{ name: "verify-output", source: replay(reader.plan(sink), begin, "output"), ...reading },
    take: (batch) => reader.found(batch, tally),
    passed(last) {
      nextOutput = last + 1;
      save();
    },
  });
  if (error !== undefined) throw error;
  return !stopped && (await countBeyond(counting));
}

/**
 * What goes on meanwhile, or was left out, makes rows of the same sink: the inputs outside of the range are read for their
 * keys, behind the outputs, so that each row found has its input. Not kept: an interrupted one begins anew.
 */
async function countBeyond({ pipeline, range, reader, tally, reading }: Counting): Promise<boolean> {
  const take = reader.beyond;
  if (take === undefined) return true;
  const ranges = [
    ...(range.from === undefined ? [] : [{ to: range.from - 1 }]),
    ...(range.to === undefined ? [] : [{ from: { sequence: range.to + 1 } }]),
  ];
  for (const each of ranges) {
    const { stopped, error } = await walk({
      ...{ name: "verify-beyond", source: replay(pipeline.source, each, "input"), ...reading },
      transform: transformOf(pipeline),
      take: (batch) => take(batch, tally),
      passed() {},
    });
    if (error !== undefined) throw error;
    if (stopped) return false;
  }
  return true;
}

function transformOf({ query }: PlannedPipeline): Transform | undefined {
  return query.engine === "identity" ? undefined : query.createTransform();
}

const toOf = (to: number | undefined): { readonly to?: number } => (to === undefined ? {} : { to });

function replay(table: PlannedTable, range: object, what: string) {
  const { connector } = table;
  // Bad data is no row, here as there.
  const config = { ...table.config, badData: { behavior: "drop" } as const };
  const source = connector.makeReplay?.({ ...table, config }, range);
  if (source !== undefined) return source;
  throw new ConnectorError("UNSUPPORTED", `connector "${connector.name}" cannot read its ${what} again`);
}
