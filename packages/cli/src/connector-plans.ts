import type { Connector, PipelinePlan, TablePlan } from "@x/connector-api";
import type { StandingPlan } from "./read-plans.js";

/** What one connector is asked about a pipeline: its own sides of it. */
export interface ConnectorPlan {
  readonly connector: Connector;
  readonly plan: PipelinePlan;
}

/** A plan for each connector that has a side of the pipeline; one for both when they are the same. */
export function connectorPlans(standing: StandingPlan, all: readonly StandingPlan[]): readonly ConnectorPlan[] {
  const { source, sink } = standing.pipeline;
  const connectors = [...new Set([source.connector, ...(sink === undefined ? [] : [sink.connector])])];
  return connectors.map((connector) => {
    const beside = all.filter((other) => other !== standing).map((other) => planFor(connector, other));
    return { connector, plan: { ...planFor(connector, standing), beside } };
  });
}

function planFor(connector: Connector, { pipeline, settings, restored }: StandingPlan): PipelinePlan {
  const { name, source, sink, query } = pipeline;
  const own = (side: TablePlan & { readonly connector: Connector }): TablePlan | undefined =>
    side.connector === connector ? side : undefined;
  const ownSource = own(source);
  const ownSink = sink && own(sink);
  return {
    name,
    ...(ownSource === undefined ? {} : { source: ownSource }),
    ...(ownSink === undefined ? {} : { sink: ownSink }),
    deterministic: query.deterministic,
    checkpointIntervalMs: settings.checkpointIntervalMs,
    recoveryMs: settings.recoveryMs,
    durableState: settings.state !== "memory:",
    ...(ownSource === undefined || restored === undefined ? {} : { restored }),
  };
}
