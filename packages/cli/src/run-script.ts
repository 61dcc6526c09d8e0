import type { PipelineSummary, RunningPipeline } from "@x/runtime";
import { buildShared, type RowOutput } from "./build-pipelines.js";
import { createMissing } from "./create-missing.js";
import { openHttpEndpoint } from "./http-endpoint.js";
import { type OpenScript, withScript } from "./open-script.js";
import { openTelemetry } from "./open-telemetry.js";
import type { Output } from "./output.js";
import { type Progress, startLiveLines, startProgressEvents } from "./render/progress.js";
import { styleOf } from "./render/style.js";
import { renderSummary } from "./render/summary.js";
import { reportError } from "./report-error.js";
import { parseRunFlags, type RunFlags, type RunOptions } from "./run-options.js";
import { type StartSettings, startAlone, startShared } from "./start-pipelines.js";
import { openStateStore } from "./state-store.js";
import { onStopSignals } from "./stop-signals.js";
import { WorkerPool } from "./workers/worker-pool.js";

/** `nats-pipeline run`: compiles an SQL file, runs its pipelines and resolves to the exit code. */
export function runScript(file: string, flags: RunFlags, output: Output): Promise<number> {
  return withScript(file, flags, output, async (script) => {
    const options = parseRunFlags(flags);
    let pipelines: readonly RunningPipeline[] = [];
    const drainAll = (): void => pipelines.forEach((pipeline) => void pipeline.drain());
    const stopAll = (): void => pipelines.forEach((pipeline) => void pipeline.stop());
    if (options.createStreams) await createMissing(script, options, output);
    const onStdoutClosed = (name: string): void => {
      for (const pipeline of pipelines) if (pipeline.name === name) pipeline.abandon();
      drainAll();
    };
    // What cannot work is said before anything starts.
    const start = prepare(script, file, flags, options, { stdout: output.stdout, onStdoutClosed });
    const checkpoints = openStateStore(options.state, script.pipelines, script.logger);
    const telemetry = options.workers === undefined ? await openTelemetry(script.logger) : undefined;
    // Before anything starts: an address that is taken must not stop the instance that serves it.
    const http = options.http && (await openHttpEndpoint(options.http));
    const releaseSignals = onStopSignals({ first: drainAll, second: stopAll });
    try {
      if (http) script.logger.info({ url: http.url }, "serving /healthz, /readyz and /metrics");
      pipelines = start({ options, checkpoints, tracer: telemetry?.tracer, logger: script.logger });
      http?.serve(pipelines);
      const endObserving = telemetry?.observe(() => pipelines);
      const exitCode = await waitForAll(pipelines, script, output);
      await telemetry?.flush();
      endObserving?.();
      return exitCode;
    } finally {
      releaseSignals();
      await http?.close();
      await checkpoints.close();
    }
  });
}

/** Checks how the pipelines are to run, and gives what starts them: here and whole, here in a group, or in workers. */
function prepare(
  script: OpenScript,
  file: string,
  flags: RunFlags,
  { workers: count, group }: RunOptions,
  rows: RowOutput,
): (settings: StartSettings) => readonly RunningPipeline[] {
  const { pipelines, log, logger } = script;
  if (count === undefined && group === undefined) return startAlone(pipelines, rows);
  const parts = buildShared(pipelines);
  if (count === undefined) return (settings) => startShared(parts, settings);
  const names = parts.map(({ name }) => name);
  const print = (line: string): void => log.print(`${line}\n`);
  return ({ checkpoints }) => {
    const boardOf = checkpoints.board && ((pipeline: string) => checkpoints.board?.(pipeline));
    return new WorkerPool({ count, file, flags, pipelines: names, boardOf, logger, print }).pipelines;
  };
}

async function waitForAll(pipelines: readonly RunningPipeline[], script: OpenScript, output: Output): Promise<number> {
  const { sql, options, log } = script;
  const { json, logLevel } = options;
  const progress = startProgress(pipelines, script, output);
  const { print } = log;
  if (progress !== undefined) log.print = (line) => progress.aside(() => print(line));
  let firstFailure: PipelineSummary | undefined;
  const summaries = await Promise.all(
    pipelines.map(async (pipeline) => {
      const summary = await pipeline.finished;
      if (summary.exitCode !== 0) firstFailure ??= summary;
      const { name, error } = summary;
      if (error === undefined) return summary;
      // At once: the others may run for days.
      const tell = (): void => reportError(error, { output, json, sql, stack: logLevel === "debug", pipeline: name });
      if (progress === undefined) tell();
      else progress.aside(tell);
      return summary;
    }),
  );
  progress?.stop();
  log.print = print;
  if (json) output.stdout.write(`${JSON.stringify({ event: "summary", pipelines: summaries.map(withoutError) })}\n`);
  else output.stderr.write(renderSummary(summaries));
  return firstFailure?.exitCode ?? 0;
}

/** Events with `--json`, live lines on a terminal that nothing else is printed to. */
function startProgress(
  pipelines: readonly RunningPipeline[],
  { options: { json }, pipelines: planned }: OpenScript,
  { stdout, stderr }: Output,
): Progress | undefined {
  if (json) return startProgressEvents(pipelines, (line) => stdout.write(line));
  if (stderr.isTTY !== true || process.env.TERM === "dumb") return undefined;
  if (stdout.isTTY === true && planned.some(({ sink }) => sink === undefined)) return undefined;
  return startLiveLines(pipelines, stderr, styleOf(stderr));
}

function withoutError(summary: PipelineSummary): Omit<PipelineSummary, "error"> {
  const { error: _error, ...numbers } = summary;
  return numbers;
}
