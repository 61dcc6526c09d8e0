import { failOnBadData, isConnectorError, type PipelinePlan, type TablePlan } from "@x/connector-api";
import type { OpenConnection } from "../connection.js";
import type { ConnectionConfig } from "../connection-config.js";
import type { Dialler } from "../connection-test/test-session.js";
import { withLink } from "../inspect/with-link.js";
import { permissionsOf } from "../permissions.js";
import { compileSubjectTemplate } from "../sink/subject-template.js";
import { splitNames } from "../source/splits.js";
import type {
  CoreSinkTable,
  CoreSourceTable,
  JetStreamSinkTable,
  JetStreamSourceTable,
  TableConfig,
} from "../table-config.js";
import type { DeadLetterFacts, Facts, SideFacts, SinkFacts, SourceFacts } from "./facts.js";
import { readSourceStream } from "./read-source-stream.js";
import { Reader, readSystem } from "./read-system.js";

type Plan = PipelinePlan<ConnectionConfig, TableConfig>;
export type NatsTable = TablePlan<ConnectionConfig, TableConfig>;

/** Connects for each side and reads what the rules judge by. Changes nothing; rejects where there is no way in. */
export async function readFacts(
  plan: Plan,
  diallerOf: (profile: ConnectionConfig) => Dialler,
  signal: AbortSignal,
): Promise<Facts> {
  const within = <T>(side: NatsTable, read: (link: OpenConnection, reader: Reader) => Promise<T>): Promise<T> =>
    withLink(plan.name, diallerOf(side.profile), signal, (link) => read(link, new Reader(signal)));
  const { source, sink } = plan;
  const { name, deterministic, checkpointIntervalMs, recoveryMs, durableState } = plan;
  const splits = source?.table.type === "jetstream-source" ? splitNames(source.table) : ["0"];
  const beside = (plan.beside ?? []).map((one) => ({
    name: one.name,
    source: one.source?.table,
    sink: one.sink?.table,
  }));
  return {
    pipeline: { name, deterministic, checkpointIntervalMs, recoveryMs, durableState, beside, splits },
    source: source && (await within(source, (link, reader) => readSource(plan, source, link, reader, signal))),
    sink: sink && (await within(sink, (link, reader) => readSink(sink, link, reader, signal))),
    sameSystem: source !== undefined && sink !== undefined && systemOf(source) === systemOf(sink),
    nowMs: Date.now(),
  };
}

/** Servers and domain: two accounts of one server are told apart by their users alone, which are not compared. */
function systemOf({ profile }: NatsTable): string {
  const users = Object.entries(profile.auth.reveal()).map(([field, given]) => `${field}=${given}`);
  return [profile.servers, profile.jetstreamDomain ?? "", ...users.sort()].join(" ");
}

async function readSide(
  { name, profile, table, config }: NatsTable,
  link: OpenConnection,
  reader: Reader,
  signal: AbortSignal,
): Promise<SideFacts> {
  const badData = config.badData ?? failOnBadData;
  const subject = badData.behavior === "dead_letter" ? badData.subject : undefined;
  const inDomain = link.client.info?.domain === profile.jetstreamDomain;
  const acks = table.type === "jetstream-source" ? await acksOf(table, link, reader, signal) : undefined;
  const needed = permissionsOf({ profile, table, badData, inDomain, acks });
  const usesJetStream = table.type.startsWith("jetstream") || subject !== undefined;
  const system = await readSystem(link, needed, usesJetStream, reader, signal);
  const deadLetters = subject === undefined ? undefined : await readDeadLetters(subject, link, reader, signal);
  return { name, system, badData, needed, deadLetters };
}

/** Whether the source acks on the server; undefined where that is not known. */
async function acksOf(
  { stream, ackPolicy, ordering }: JetStreamSourceTable,
  { api }: OpenConnection,
  reader: Reader,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (ackPolicy === "all" || ackPolicy === "explicit" || ordering === "none") return true;
  const info = await reader.askForStream(stream, api.streamInfo(stream, signal));
  return info && info.config.retention !== "limits";
}

async function readDeadLetters(
  subject: string,
  { api }: OpenConnection,
  reader: Reader,
  signal: AbortSignal,
): Promise<DeadLetterFacts> {
  const names = await reader.ask(`the streams that capture "${subject}"`, api.streamNames(subject, signal));
  const [name] = names ?? [];
  const stream = name === undefined ? undefined : await reader.askForStream(name, api.streamInfo(name, signal));
  return { subject, stream, known: names !== undefined && (name === undefined || stream !== undefined) };
}

async function readSource(
  plan: Plan,
  side: NatsTable,
  link: OpenConnection,
  reader: Reader,
  signal: AbortSignal,
): Promise<SourceFacts> {
  const common = await readSide(side, link, reader, signal);
  const { table } = side;
  if (table.type !== "jetstream-source") return { ...common, kind: "core-source", table: table as CoreSourceTable };
  const rateLimits = [side.config.rateLimit?.messagesPerSecond, table.messagesPerSecond].filter(
    (one) => one !== undefined,
  );
  return {
    ...common,
    kind: "jetstream-source",
    table,
    rateLimit: rateLimits.length === 0 ? undefined : Math.min(...rateLimits),
    ...(await readSourceStream(plan, table, link.api, reader, signal)),
  };
}

async function readSink(
  side: NatsTable,
  link: OpenConnection,
  reader: Reader,
  signal: AbortSignal,
): Promise<SinkFacts> {
  const common = await readSide(side, link, reader, signal);
  const { api } = link;
  const table = side.table as JetStreamSinkTable | CoreSinkTable;
  const { pattern } = compileSubjectTemplate(table.subject, side.schema);
  if (table.type === "jetstream-sink") {
    const stream = await reader.askForStream(table.stream, api.streamInfo(table.stream, signal));
    return { ...common, kind: "jetstream-sink", table, pattern, stream };
  }
  const names = api.streamNames(pattern, signal).catch((error: unknown) => {
    // No JetStream: nothing captures anything.
    if (isConnectorError(error) && (error.code === "CAPABILITY_MISSING" || error.code === "SERVER_UNAVAILABLE"))
      return [];
    throw error;
  });
  const capturedBy = await reader.ask(`the streams that capture "${pattern}"`, names);
  return { ...common, kind: "core-sink", table, pattern, capturedBy };
}
