import {
  failOnBadData,
  type OperatorConfig,
  type ReplayRange,
  type SourceOperator,
  type TablePlan,
} from "@x/connector-api";
import type { ConnectionConfig } from "../connection-config.js";
import type { OperatorParts } from "../make-operator.js";
import { compileMetadata } from "../message-metadata.js";
import { compileSubjectTemplate } from "../sink/subject-template.js";
import type { TableConfig } from "../table-config.js";
import { createReplaySource, type ReplayOptions } from "./replay-source.js";

type Plan = TablePlan<ConnectionConfig, TableConfig>;

/** A passive reader of what a table reads or has written. Compiles at once; no I/O. */
export function makeReplay(
  { table, config, schema }: Plan,
  range: ReplayRange,
  parts: Pick<OperatorParts, "connect" | "openDecoder">,
): SourceOperator {
  return createReplaySource({
    input: inputOf(table, schema),
    range: { ...range, ...beginOf(range, table) },
    connect: parts.connect,
    openDecoder: parts.openDecoder,
    deserialization: {
      badData: passive(config.badData),
      framing: config.framing,
      metadata: compileMetadata(config.metadataFields, schema, false),
    },
  });
}

/** Bad data is for the pipeline to keep: here it is dropped and counted, or fails. */
function passive(badData: OperatorConfig["badData"] = failOnBadData): NonNullable<OperatorConfig["badData"]> {
  return badData.behavior === "dead_letter" ? { behavior: "drop" } : badData;
}

/** A replay of everything begins where a first start of the source would. */
function beginOf({ from }: ReplayRange, table: TableConfig): Pick<ReplayRange, "from"> {
  if (from !== undefined || table.type !== "jetstream-source") return {};
  if (table.deliver.policy === "by_start_sequence") return { from: { sequence: table.deliver.startSequence } };
  return table.deliver.policy === "by_start_time" ? { from: { time: table.deliver.startTime } } : {};
}

function inputOf(table: TableConfig, schema: Plan["schema"]): ReplayOptions["input"] {
  switch (table.type) {
    case "jetstream-source":
      return { stream: table.stream, subjects: table.filterSubjects };
    case "jetstream-sink":
      return { stream: table.stream, subjects: [compileSubjectTemplate(table.subject, schema).pattern] };
    case "core-source":
      return { subject: table.subject };
    case "core-sink":
      return { subject: compileSubjectTemplate(table.subject, schema).pattern };
  }
}
