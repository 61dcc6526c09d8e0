import { type ConnectorError, type Logger, toConnectorError } from "@x/connector-api";
import { type PipelineSummary, type RunningPipeline, startPipeline } from "@x/runtime";
import { buildPipelines, type PipelineParts } from "./build-pipelines.js";
import { readEnvironment, readProfiles, readText } from "./environment.js";
import { loadPlugins } from "./load-plugins.js";
import type { Output } from "./main.js";
import { renderError, type SqlFile } from "./render/error.js";
import { createLogger } from "./render/log.js";
import { startLiveLines, startProgressEvents } from "./render/progress.js";
import { renderSummary } from "./render/summary.js";
import { parseRunOptions, type RunFlags, type RunOptions } from "./run-options.js";
import { openStateStore } from "./state-store.js";
import { onStopSignals } from "./stop-signals.js";

/** `nats-pipeline run`: compiles an SQL file, runs its pipelines and resolves to the exit code. */
export async function runScript(file: string, flags: RunFlags, output: Output): Promise<number> {
  const json = flags.json === true;
  let sql: SqlFile | undefined;
  try {
    const options = parseRunOptions(file, flags);
    const text = readText(file, "SQL file");
    sql = { name: file, text };
    const logger = createLogger(options.logLevel, (line) => output.stderr.write(line));
    const environment = readEnvironment(options.envFile);
    let drainAll = (): void => {};
    const parts = await buildPipelines({
      text,
      name: options.name,
      environment,
      profiles: readProfiles(options.profiles),
      extensions: await loadPlugins(options.plugins, environment),
      stdout: output.stdout,
      onStdoutClosed: () => drainAll(),
    });
    const pipelines = startAll(parts, options, logger);
    drainAll = () => {
      for (const pipeline of pipelines) pipeline.drain();
    };
    return await waitForAll(pipelines, options, output, sql);
  } catch (error) {
    report(toConnectorError(error), undefined, output, json, sql, flags.logLevel === "debug");
    return toConnectorError(error).exitCode;
  }
}

function startAll(parts: readonly PipelineParts[], options: RunOptions, logger: Logger): RunningPipeline[] {
  const checkpoints = openStateStore(options.state);
  return parts.map((part) =>
    startPipeline({
      ...part,
      checkpoints,
      checkpointIntervalMs: options.checkpointIntervalMs,
      drainTimeoutMs: options.drainTimeoutMs,
      untilCaughtUp: options.untilCaughtUp,
      maxRows: options.maxRows,
      logger,
    }),
  );
}

async function waitForAll(
  pipelines: readonly RunningPipeline[],
  options: RunOptions,
  output: Output,
  sql: SqlFile,
): Promise<number> {
  const releaseSignals = onStopSignals({
    first: () => pipelines.forEach((pipeline) => void pipeline.drain()),
    second: () => pipelines.forEach((pipeline) => void pipeline.stop()),
  });
  const live = !options.json && output.stderr.isTTY === true && process.env.TERM !== "dumb";
  const progress = options.json
    ? startProgressEvents(pipelines, (line) => output.stdout.write(line))
    : live
      ? startLiveLines(pipelines, (text) => output.stderr.write(text))
      : undefined;
  let firstFailure: PipelineSummary | undefined;
  const summaries = await Promise.all(
    pipelines.map(async (pipeline) => {
      const summary = await pipeline.finished;
      if (summary.exitCode !== 0) firstFailure ??= summary;
      return summary;
    }),
  );
  progress?.stop();
  releaseSignals();
  for (const { name, error } of summaries) {
    if (error !== undefined) report(error, name, output, options.json, sql, options.logLevel === "debug");
  }
  if (options.json)
    output.stdout.write(`${JSON.stringify({ event: "summary", pipelines: summaries.map(withoutError) })}\n`);
  else output.stderr.write(renderSummary(summaries));
  return firstFailure?.exitCode ?? 0;
}

function report(
  error: ConnectorError,
  pipeline: string | undefined,
  output: Output,
  json: boolean,
  sql: SqlFile | undefined,
  stack: boolean,
): void {
  output.stderr.write(`${renderError(error, sql, stack).text}\n`);
  if (!json) return;
  const { code, exitCode, message } = error;
  output.stdout.write(
    `${JSON.stringify({ event: "error", code, exitCode, message, ...(pipeline && { pipeline }) })}\n`,
  );
}

function withoutError(summary: PipelineSummary): Omit<PipelineSummary, "error"> {
  const { error: _error, ...numbers } = summary;
  return numbers;
}
