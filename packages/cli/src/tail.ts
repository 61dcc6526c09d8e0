import {
  type Column,
  type ConnectionSchema,
  ConnectorError,
  memoryCheckpoints,
  parseColumn,
  type ReplayRange,
  type SourceOperator,
  type TablePlan,
  toConnectorError,
} from "@x/connector-api";
import { type PipelineSummary, startPipeline } from "@x/runtime";
import type { Output } from "./output.js";
import { createMessageRenderer, messageColumns } from "./render/message.js";
import { reportError } from "./report-error.js";
import { countFlag } from "./script-flags.js";
import { type OpenServer, openServer, type ServerFlags } from "./server-flags.js";
import { createStdoutSink } from "./stdout-sink.js";
import { onStopSignals } from "./stop-signals.js";

export interface TailFlags extends ServerFlags {
  readonly from?: string;
  readonly limit?: string;
  readonly follow?: boolean;
  readonly format?: string;
  readonly column?: readonly string[];
  readonly headers?: boolean;
}

/** Messages shown when nothing else is said. */
const DEFAULT_LIMIT = 10;

/** `nats-pipeline tail` */
export async function tail(where: string, flags: TailFlags, output: Output): Promise<number> {
  const json = flags.json === true;
  try {
    const server = await openServer(flags, output);
    const limit = flags.limit === undefined ? undefined : countFlag("--limit", flags.limit);
    const range = rangeOf(flags, limit);
    const payload = payloadOf(flags);
    for (const input of inputsOf(where, flags)) {
      const plan = server.table({ ...payload.options, ...input.options, type: "source" }, payload.schema);
      const source = input.open(server, plan, range, flags);
      const summary = await print(source, { limit, flags, typed: flags.column !== undefined, output, server });
      if (summary.error === undefined) return 0;
      if (summary.error.code !== "STREAM_NOT_FOUND" || input.last) throw summary.error;
    }
    return 0;
  } catch (error) {
    reportError(error, { output, json, stack: flags.logLevel === "debug" });
    return toConnectorError(error).exitCode;
  }
}

/** One meaning of what the user named. The first whose stream exists is meant. */
interface TailInput {
  readonly options: Readonly<Record<string, string>>;
  /** What it finds is final, whatever it finds. */
  readonly last: boolean;
  open(server: OpenServer, plan: TablePlan, range: ReplayRange, flags: TailFlags): SourceOperator;
}

function inputsOf(where: string, { from }: TailFlags): readonly TailInput[] {
  const replay: TailInput["open"] = ({ connector }, plan, range, { headers }) => {
    const columns = messageColumns({ stored: true, headers: headers === true });
    const source = connector.makeReplay?.(withColumns(plan, columns), range);
    if (source !== undefined) return source;
    throw new ConnectorError("UNSUPPORTED", `connector "${connector.name}" cannot read without a trace`);
  };
  const live: TailInput["open"] = ({ connector }, plan, _range, { headers }) => {
    const { profile, table, config, schema } = withColumns(
      plan,
      messageColumns({ stored: false, headers: headers === true }),
    );
    const made = connector.makeOperator(profile, table, config, schema);
    if (made.kind === "source") return made.operator;
    throw new ConnectorError("UNEXPECTED", "the connector made no source");
  };
  const mayBeStream = /^[^\s.*>/\\]+$/.test(where);
  // With a place in the past, a subject that nothing keeps is a mistake.
  const kept = { options: { subject: where }, last: from !== undefined, open: replay };
  return [
    ...(mayBeStream ? [{ options: { stream: where }, last: false, open: replay }] : []),
    kept,
    ...(kept.last ? [] : [{ options: { subject: where }, last: true, open: live }]),
  ];
}

function withColumns(plan: TablePlan, columns: readonly Column[]): TablePlan {
  const metadataFields = columns.map(({ name, metadataKey = "" }) => ({ fieldName: name, key: metadataKey }));
  return {
    ...plan,
    schema: { columns: [...plan.schema.columns, ...columns] },
    config: { ...plan.config, metadataFields },
  };
}

function rangeOf({ from, follow = false }: TailFlags, limit: number | undefined): ReplayRange {
  if (from === undefined) return { from: { last: limit ?? DEFAULT_LIMIT }, follow };
  if (from === "first") return { follow };
  if (/^\d+$/.test(from)) return { from: { sequence: countFlag("--from", from) }, follow };
  if (!Number.isNaN(Date.parse(from)) && /^\d{4}-/.test(from)) return { from: { time: from }, follow };
  throw new ConnectorError(
    "USAGE",
    `--from: expected first, a sequence, or a time as in 2026-01-31T08:00:00Z; got "${from}"`,
  );
}

/** The format with its columns; without columns any document, without a format the bytes. */
function payloadOf({ format, column }: TailFlags): {
  readonly options: Readonly<Record<string, string>>;
  readonly schema: ConnectionSchema;
} {
  if (format === undefined) {
    if (column !== undefined) throw new ConnectorError("USAGE", "--column needs --format");
    return { options: { format: "raw_bytes" }, schema: { columns: [parseColumn("value", "BYTEA")] } };
  }
  const common = { format, bad_data: "drop" };
  if (column !== undefined) return { options: common, schema: { columns: column.map(columnOf) } };
  if (format === "raw_string") return { options: common, schema: { columns: [parseColumn("value", "TEXT")] } };
  if (format === "raw_bytes") return { options: common, schema: { columns: [parseColumn("value", "BYTEA")] } };
  const loose = {
    json: "json.unstructured",
    avro: "avro.into_unstructured_json",
    protobuf: "proto.into_unstructured_json",
  };
  const option = Object.entries(loose).find(([name]) => name === format)?.[1];
  const schema = { columns: [parseColumn("value", "JSON")] };
  if (option !== undefined) return { options: { ...common, [option]: "true" }, schema };
  return { options: common, schema };
}

function columnOf(declaration: string): Column {
  const [, name, type] = /^\s*(\S+)\s+(.+)$/.exec(declaration) ?? [];
  if (name !== undefined && type !== undefined) return parseColumn(name, type);
  throw new ConnectorError("USAGE", `--column: expected a name and a type, as in 'id BIGINT'; got "${declaration}"`);
}

interface Printing {
  readonly limit: number | undefined;
  readonly flags: TailFlags;
  readonly typed: boolean;
  readonly output: Output;
  readonly server: OpenServer;
}

async function print(
  source: SourceOperator,
  { limit, flags, typed, output, server }: Printing,
): Promise<PipelineSummary> {
  let abandon = (): void => {};
  const render = createMessageRenderer({ json: flags.json === true, typed });
  const pipeline = startPipeline({
    name: "tail",
    source,
    sink: createStdoutSink(output.stdout, () => abandon(), render),
    checkpoints: memoryCheckpoints(),
    maxRows: limit,
    logger: server.logger,
  });
  abandon = () => pipeline.abandon();
  const release = onStopSignals({ first: () => pipeline.drain(), second: () => pipeline.stop() });
  const summary = await pipeline.finished;
  release();
  if (summary.badRows > 0) output.stderr.write(`${summary.badRows} messages could not be decoded and are not shown\n`);
  return summary;
}
