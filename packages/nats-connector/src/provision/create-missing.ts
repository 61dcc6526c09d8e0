import {
  ConnectorError,
  type CreatedPart,
  failOnBadData,
  isConnectorError,
  type PipelinePlan,
  type TablePlan,
} from "@x/connector-api";
import { type Capabilities, readCapabilities } from "../capabilities.js";
import type { OpenConnection } from "../connection.js";
import type { ConnectionConfig } from "../connection-config.js";
import type { Dialler } from "../connection-test/test-session.js";
import { planExactlyOnce } from "../exactly-once/plan-exactly-once.js";
import { withLink } from "../inspect/with-link.js";
import type { JetStreamApi, StreamConfig, StreamInfo } from "../jetstream/api.js";
import { compileSubjectTemplate } from "../sink/subject-template.js";
import type { JetStreamSinkTable, TableConfig } from "../table-config.js";

type Table = TablePlan<ConnectionConfig, TableConfig>;

/** Streams that the sink and the dead letters of both sides need and that are not there. */
export async function createMissing(
  { name, source, sink }: PipelinePlan<ConnectionConfig, TableConfig>,
  diallerOf: (profile: ConnectionConfig) => Dialler,
  signal: AbortSignal,
): Promise<readonly CreatedPart[]> {
  const created: CreatedPart[] = [];
  for (const side of [source, sink]) {
    if (side === undefined) continue;
    const needs = side.config.badData?.behavior === "dead_letter" || side.table.type === "jetstream-sink";
    if (!needs) continue;
    await withLink(name, diallerOf(side.profile), signal, async (link) => {
      const wanted = streamsOf(side, name, await readCapabilities(link.api, link.client, signal));
      for (const stream of wanted) created.push(...(await createIfMissing(link, stream, signal)));
    });
  }
  return created;
}

/** A stream that must be there: by its name, or by whoever captures the subject. */
interface WantedStream {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly by: "name" | "subject";
  readonly settings: Partial<StreamConfig>;
}

function streamsOf({ table, config, schema }: Table, pipeline: string, server: Capabilities): readonly WantedStream[] {
  const { behavior, ...badData } = config.badData ?? failOnBadData;
  const letters = behavior === "dead_letter" && "subject" in badData ? [String(badData.subject)] : [];
  return [
    ...letters.map(
      (subject) => ({ name: nameFor(subject), subjects: [subject], by: "subject", settings: {} }) as const,
    ),
    ...(table.type === "jetstream-sink" ? [sinkStream(table, schema, pipeline, server)] : []),
  ];
}

function sinkStream(
  table: JetStreamSinkTable,
  schema: Table["schema"],
  pipeline: string,
  server: Capabilities,
): WantedStream {
  const { pattern } = compileSubjectTemplate(table.subject, schema);
  const stream: WantedStream = { name: table.stream, subjects: [pattern], by: "name", settings: {} };
  if (table.delivery !== "exactly_once") return stream;
  const config: StreamConfig = { name: table.stream, subjects: [pattern], retention: "limits", num_replicas: 1 };
  const plan = planExactlyOnce({ table, pipeline, splits: ["0"], stream: config, server });
  if (plan.mode !== undefined) return stream;
  const { subjects = [pattern], ...settings } = plan.streamSettings;
  // Of every pipeline and split: a fork keeps its progress in the same stream.
  const shared = subjects.map((subject) => subject.replace(/(\.__progress)\.[^.]+\.[^.]+$/, "$1.*.*"));
  return { ...stream, subjects: shared, settings };
}

/** `dlq.orders` is kept in DLQ_ORDERS. */
function nameFor(subject: string): string {
  return subject.replaceAll(/[^A-Za-z0-9_-]+/g, "_").toUpperCase();
}

/** Replicas that a stream gets in a cluster: it goes on without one of its servers. */
const REPLICAS = 3;

async function createIfMissing(
  { api, client }: OpenConnection,
  { name, subjects, by, settings }: WantedStream,
  signal: AbortSignal,
): Promise<readonly CreatedPart[]> {
  if (by === "name" && (await exists(api, name, signal))) return [];
  if (by === "subject" && (await api.streamNames(subjects[0] ?? "", signal)).length > 0) return [];
  const asked: StreamConfig = {
    name,
    subjects,
    retention: "limits",
    storage: "file",
    discard: "old",
    num_replicas: client.info?.cluster === undefined ? 1 : REPLICAS,
    ...settings,
  };
  const made = await api.createStream(asked, signal);
  checkEcho(asked, made, client.info?.version ?? "");
  const { num_replicas: replicas, storage } = made.config;
  const extras = Object.entries(settings).map(([key, value]) => `${key} ${value}`);
  const parts = [
    `subjects ${subjects.join(", ")}`,
    storage,
    `${replicas} replica${replicas === 1 ? "" : "s"}`,
    ...extras,
  ];
  return [{ kind: "stream", name, settings: parts.join(", ") }];
}

async function exists(api: JetStreamApi, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await api.streamInfo(name, signal);
    return true;
  } catch (error) {
    if (isConnectorError(error) && error.code === "STREAM_NOT_FOUND") return false;
    throw error;
  }
}

/** Old servers drop what they do not know: a stream without what the promise needs is not the one that was asked for. */
function checkEcho(asked: StreamConfig, { config }: StreamInfo, version: string): void {
  const kept = config as unknown as Record<string, unknown>;
  const lost = Object.entries(asked).filter(([key, value]) => value === true && kept[key] !== true);
  if (lost.length === 0) return;
  const names = lost.map(([key]) => key).join(", ");
  throw new ConnectorError(
    "CAPABILITY_MISSING",
    `server ${version} made stream "${asked.name}" without ${names}, which it does not know; the stream stays`,
    { context: { stream: asked.name, lost: names } },
  );
}
