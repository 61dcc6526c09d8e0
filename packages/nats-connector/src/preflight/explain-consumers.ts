import type { JsonObject } from "@x/connector-api";
import { type ConsumerStart, planConsumer, planSharedConsumer } from "../source/plan-consumer.js";
import { resolveSplits } from "../source/splits.js";
import type { Facts, JetStreamSourceFacts } from "./facts.js";
import type { WithStream } from "./rule.js";

/** Stands for what only a start knows: its job, epoch and instance. */
const UNKNOWN = "<job>";

/** The exact consumer of each split that the next start creates. Throws what that start would throw. */
export function explainConsumers(source: WithStream<JetStreamSourceFacts>, { pipeline }: Facts): JsonObject {
  const { table, stream, system, positions } = source;
  const { capabilities } = system;
  const request = { table, stream, capabilities, start: { kind: "configured" } as ConsumerStart };
  if (table.ordering === "none") {
    const name = `${pipeline.name}-shared`;
    return { shared: configOf(planSharedConsumer({ ...request, name, labels: { pipeline: pipeline.name } }).config) };
  }
  const splits = resolveSplits(table, stream).map(({ name: split, filters }) => {
    const known = positions.find((position) => position.split === split);
    const after = known?.lastSeq;
    const start: ConsumerStart =
      after === undefined || stream.config.retention === "workqueue"
        ? { kind: "configured" }
        : { kind: "after", sequence: after };
    const name = `${pipeline.name}-${UNKNOWN}-${split}-e<epoch>-<instance>`;
    const labels = { pipeline: pipeline.name, job: UNKNOWN, split, epoch: "<epoch>" };
    return [split, configOf(planConsumer({ ...request, name, filters, start, labels }).config)] as const;
  });
  return Object.fromEntries(splits);
}

/** As it goes over the wire. */
function configOf(config: object): JsonObject {
  return JSON.parse(JSON.stringify(config)) as JsonObject;
}
