import type { Explanation, JsonObject } from "@x/connector-api";
import { buildPipelines } from "./build-pipelines.js";
import { connectorPlans } from "./connector-plans.js";
import { withScript } from "./open-script.js";
import type { Output } from "./output.js";
import { readPlans, type StandingPlan } from "./read-plans.js";
import { renderRecord } from "./render/record.js";
import { styleOf } from "./render/style.js";
import { durationFlag, type ScriptFlags } from "./script-flags.js";
import { splitsOf } from "./start-pipelines.js";

export interface ExplainFlags extends ScriptFlags {
  readonly state: string;
  readonly checkpointInterval: string;
}

/** How long looking at the servers may take. */
const BUDGET_MS = 60_000;

const engines = {
  identity: "none: rows are handed on as they are",
  projection: "plain code",
  duckdb: "DuckDB, row by row, order kept",
} as const;

/** `nats-pipeline explain` */
export function explainScript(file: string, flags: ExplainFlags, output: Output): Promise<number> {
  return withScript(file, flags, output, async (script) => {
    buildPipelines(script.pipelines, { stdout: output.stdout, onStdoutClosed: () => {} });
    const plans = await readPlans(script.pipelines, {
      state: flags.state,
      checkpointIntervalMs: durationFlag("--checkpoint-interval", flags.checkpointInterval),
      recoveryMs: 0,
      logger: script.logger,
    });
    const explained: JsonObject[] = [];
    for (const plan of plans) explained.push(await explainPipeline(plan, plans));
    if (flags.json === true) {
      output.stdout.write(`${JSON.stringify({ event: "explain", pipelines: explained })}\n`);
      return 0;
    }
    const style = styleOf(output.stdout);
    const texts = explained.map(({ name, ...rest }) => `${style.bold(String(name))}\n${renderRecord(rest, "  ")}`);
    output.stdout.write(texts.join("\n"));
    return 0;
  });
}

async function explainPipeline(standing: StandingPlan, all: readonly StandingPlan[]): Promise<JsonObject> {
  const { pipeline, settings, restored } = standing;
  const found: Explanation[] = [];
  for (const { connector, plan } of connectorPlans(standing, all)) {
    const explanation = await connector.explain?.(plan, AbortSignal.timeout(BUDGET_MS));
    if (explanation !== undefined) found.push(explanation);
  }
  const unknown = (connector: string): JsonObject => ({ connector, known: "its connector explains nothing" });
  const sourceOf = found.find(({ source }) => source !== undefined)?.source;
  const sinkOf = found.find(({ sink }) => sink !== undefined)?.sink;
  const { source, sink, query } = pipeline;
  return {
    name: pipeline.name,
    guarantee: found.at(-1)?.promise ?? "what the connectors promise",
    notes: found.flatMap(({ notes }) => notes),
    query: { engine: engines[query.engine], deterministic: query.deterministic },
    checkpoint: {
      state: settings.state,
      everyMs: settings.checkpointIntervalMs,
      start: restored === undefined ? "a first start" : "behind the last checkpoint",
    },
    sharing: sharingOf(standing),
    source: { table: source.name, ...(sourceOf ?? unknown(source.connector.name)) },
    sink: sink === undefined ? { table: "stdout" } : { table: sink.name, ...(sinkOf ?? unknown(sink.connector.name)) },
  };
}

/** Among how many processes the pipeline could be shared, and by whom it is. */
function sharingOf({ pipeline, group }: StandingPlan): JsonObject {
  const splits = pipeline.sink === undefined ? [] : splitsOf(pipeline);
  const possible =
    splits.length === 0
      ? "one process: --group and --workers share nothing of it"
      : `at most ${splits.length} processes with --group or --workers read at a time, a split or more each`;
  if (group === undefined || Object.keys(group.members).length === 0) return { possible };
  const members = Object.entries(group.members).map(
    ([id, { host, pid }]) => [id, `process ${pid} of ${host}`] as const,
  );
  const holders = Object.entries(group.splits).map(([split, { holder }]) => [split, holder ?? null] as const);
  return {
    possible,
    group: { name: group.group, members: Object.fromEntries(members), splits: Object.fromEntries(holders) },
  };
}
