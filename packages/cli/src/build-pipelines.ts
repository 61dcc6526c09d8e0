import { ConnectorError, type SinkOperator, type SourceOperator } from "@x/connector-api";
import type { PipelineOperators } from "@x/runtime";
import type { PlannedPipeline, PlannedTable } from "./plan-pipelines.js";
import { createStdoutSink } from "./stdout-sink.js";

/** What a planned pipeline becomes: operators, ready to be opened, and the way to make them anew. */
export interface PipelineParts extends PipelineOperators {
  readonly name: string;
  readonly rebuild: () => PipelineOperators;
}

/** Where the rows of a bare SELECT go. */
export interface RowOutput {
  readonly stdout: NodeJS.WritableStream;
  /** Called when the reader of a pipeline's rows has gone. */
  readonly onStdoutClosed: (pipeline: string) => void;
}

/** Makes the operators of all pipelines, or none. No I/O; throws coded errors for a combination that cannot work. */
export function buildPipelines(pipelines: readonly PlannedPipeline[], output: RowOutput): readonly PipelineParts[] {
  return pipelines.map(({ name, source, sink, query }) => {
    const rebuild = (): PipelineOperators => ({
      source: makeSource(source),
      sink: sink === undefined ? createStdoutSink(output.stdout, () => output.onStdoutClosed(name)) : makeSink(sink),
      transform: query.engine === "identity" ? undefined : query.createTransform(),
    });
    return { name, ...rebuild(), rebuild };
  });
}

/** What a planned pipeline becomes where processes share its splits. */
export interface SharedParts {
  readonly name: string;
  /** Names of its splits. */
  readonly splits: readonly string[];
  readonly operators: (split: string) => PipelineOperators;
}

/** The same for a group. Throws UNSUPPORTED for an input that cannot be shared, and for rows that go to stdout. */
export function buildShared(pipelines: readonly PlannedPipeline[]): readonly SharedParts[] {
  return pipelines.map(({ name, source, sink, query }) => {
    if (sink === undefined) {
      throw new ConnectorError(
        "UNSUPPORTED",
        "--group, --workers: the rows of a bare SELECT go to one stdout; run it alone",
      );
    }
    const tables = source.connector.splitTables?.(source.profile, source.table);
    if (tables === undefined) {
      const text = `--group, --workers: table "${source.name}" has no splits to share: that takes a stream that is read in order; with ordering = 'none', or a queue_group, start several processes, each with a state of its own`;
      throw new ConnectorError("UNSUPPORTED", text);
    }
    const operators = (split: string): PipelineOperators => ({
      source: makeSource({ ...source, table: tables.get(split) ?? source.table }),
      sink: makeSink(sink),
      transform: query.engine === "identity" ? undefined : query.createTransform(),
    });
    const splits = [...tables.keys()];
    // What cannot work is said at once, and not by the first split.
    operators(splits[0] ?? "");
    return { name, splits, operators };
  });
}

function makeSource({ connector, profile, table, config, schema, name }: PlannedTable): SourceOperator {
  const made = connector.makeOperator(profile, table, config, schema);
  if (made.kind === "source") return made.operator;
  throw new ConnectorError("UNEXPECTED", `connector "${connector.name}" made a sink of the source table "${name}"`);
}

function makeSink({ connector, profile, table, config, schema, name }: PlannedTable): SinkOperator {
  const made = connector.makeOperator(profile, table, config, schema);
  if (made.kind === "sink") return made.operator;
  throw new ConnectorError("UNEXPECTED", `connector "${connector.name}" made a source of the sink table "${name}"`);
}
