import { hostname } from "node:os";
import { type CheckpointStore, ConnectorError, type GroupBoard, type Logger } from "@x/connector-api";
import { type PipelineTracer, type RunningPipeline, startGroupMember, startPipeline, ungroupedStore } from "@x/runtime";
import { buildPipelines, type RowOutput, type SharedParts } from "./build-pipelines.js";
import type { PlannedPipeline } from "./plan-pipelines.js";
import type { RunOptions } from "./run-options.js";

/** What pipelines are started with. */
export interface StartSettings {
  readonly options: RunOptions;
  readonly checkpoints: CheckpointStore;
  readonly tracer: PipelineTracer | undefined;
  readonly logger: Logger;
}

/** Makes all pipelines, and gives what starts each of them whole in this process. */
export function startAlone(
  planned: readonly PlannedPipeline[],
  output: RowOutput,
): (settings: StartSettings) => RunningPipeline[] {
  const parts = buildPipelines(planned, output);
  const ofGroup = planned.find(({ name }) => /\/\d+$/.test(name));
  if (ofGroup !== undefined) {
    const text = `--name: "${ofGroup.name}" is the name of a split that a group has; give the pipeline another one`;
    throw new ConnectorError("USAGE", text);
  }
  return ({ options, checkpoints, tracer, logger }) =>
    parts.map((part, i) =>
      startPipeline({
        ...part,
        checkpoints: ungroupedStore(checkpoints, splitsOf(planned[i])),
        checkpointIntervalMs: options.checkpointIntervalMs,
        drainTimeoutMs: options.drainTimeoutMs,
        untilCaughtUp: options.untilCaughtUp,
        maxRows: options.maxRows,
        tracer,
        logger,
      }),
    );
}

/** Joins the group of every pipeline. `boardOf` says where one meets; without it that is in the state. */
export function startShared(
  parts: readonly SharedParts[],
  { options, checkpoints, tracer, logger }: StartSettings,
  boardOf: (pipeline: string) => GroupBoard | undefined = (pipeline) => checkpoints.board?.(pipeline),
): RunningPipeline[] {
  const members = parts.map((part) => ({ part, board: boardOf(part.name) }));
  return members.map(({ part, board }) => {
    if (board === undefined) {
      throw new ConnectorError("USAGE", `--group: ${checkpoints.description} is of one machine; use nats-kv:BUCKET`);
    }
    return startGroupMember({
      ...part,
      board,
      checkpoints,
      group: options.group ?? part.name,
      host: hostname(),
      pid: process.pid,
      checkpointIntervalMs: options.checkpointIntervalMs,
      drainTimeoutMs: options.drainTimeoutMs,
      untilCaughtUp: options.untilCaughtUp,
      tracer,
      logger,
    });
  });
}

/** Names of the splits that a group would share; none where it could not. */
export function splitsOf(pipeline: PlannedPipeline | undefined): readonly string[] {
  const source = pipeline?.source;
  return [...(source?.connector.splitTables?.(source.profile, source.table)?.keys() ?? [])];
}
