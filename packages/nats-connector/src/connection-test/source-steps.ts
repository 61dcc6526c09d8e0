import { randomUUID } from "node:crypto";
import { ConnectorError } from "@x/connector-api";
import { type Capabilities, readCapabilities } from "../capabilities.js";
import type { ConsumerInfo, NamedConsumerConfig, StoredMessage, StreamInfo } from "../jetstream/api.js";
import type { AckMode } from "../jetstream/position.js";
import { sourceSubjects } from "../permissions.js";
import { resolveAckMode } from "../source/resolve-stream.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { checkFilter } from "./filter-overlap.js";
import { type Probe, probePermissions } from "./permission-probe.js";
import type { TestStep } from "./run-steps.js";
import type { TestSession } from "./test-session.js";

/** Decodes one payload as the source would and says so; undefined when format or columns are not known. */
export type SampleReader = (payload: Uint8Array, what: string, signal: AbortSignal) => Promise<string>;

/** A consumer that nobody comes back for is gone after this. */
const INACTIVE_THRESHOLD_NS = 5_000_000_000;

/** Everything that the source of a stream needs, in the order in which it needs it. */
export function jetStreamSourceSteps(
  session: TestSession,
  table: JetStreamSourceTable,
  readSample: SampleReader | undefined,
): readonly TestStep[] {
  const name = `connector-test-${randomUUID().slice(0, 8)}`;
  let found: { stream: StreamInfo; ackMode: AckMode; capabilities: Capabilities } | undefined;
  const known = (): NonNullable<typeof found> => {
    if (found === undefined) throw new ConnectorError("UNEXPECTED", "used before the step that reads the stream");
    return found;
  };
  return [
    {
      name: "stream",
      doing: `looking for stream "${table.stream}"`,
      async run(signal) {
        const { api, client } = session.link;
        const stream = await api.streamInfo(table.stream, signal);
        const capabilities = await readCapabilities(api, client, signal);
        checkStart(table, stream);
        found = { stream, capabilities, ackMode: resolveAckMode(table, stream, capabilities) };
        const { messages, consumer_count: consumers } = stream.state;
        const { retention, subjects = [] } = stream.config;
        return `stream "${table.stream}" has ${messages} messages and ${consumers} consumers (${retention} retention, subjects ${subjects.join(", ") || "of other streams"})`;
      },
    },
    {
      name: "permissions",
      doing: "trying every subject the source uses",
      async run(signal) {
        const { link } = session;
        const inbox = link.newInbox();
        const publish = sourceProbes(link.api.prefix, table, name, known().ackMode);
        const subscribe = [{ subject: inbox, shown: inbox.replace(/[^.]+$/, ">") }];
        return probePermissions(link, { publish, subscribe }, signal);
      },
    },
    {
      name: "consumer",
      doing: "creating and deleting a consumer",
      async run() {
        const { stream, ackMode, capabilities } = known();
        const { retention } = stream.config;
        if (retention !== "limits") {
          return `not tried: on a stream with ${retention} retention a second consumer would take part in it`;
        }
        const info = await session.finish(tryConsumer(session, table, name, ackMode));
        const kept = info.config.filter_subjects?.length ?? 0;
        if (table.filterSubjects.length > 1 && kept !== table.filterSubjects.length) {
          throw new ConnectorError(
            "CAPABILITY_MISSING",
            `server ${capabilities.version} did not keep consumer.filter_subjects; several filters need 2.10`,
          );
        }
        return `the server takes the consumer; ${info.num_pending} messages wait for it`;
      },
    },
    {
      name: "sample",
      doing: "decoding the last message",
      async run(signal) {
        const last = await lastMessage(session, table, known().stream, signal);
        if (readSample === undefined) return "not tried: format and columns are not known";
        if (last === undefined) return "the stream holds no message for this source yet: nothing to decode";
        return readSample(last.payload, `message ${last.seq} (subject "${last.subject}")`, signal);
      },
    },
  ];
}

/** What the server would refuse later, or take and never deliver from. */
function checkStart({ stream, deliver }: JetStreamSourceTable, info: StreamInfo): void {
  if (info.config.retention === "workqueue" && deliver.policy !== "all") {
    const text = `deliver_policy = '${deliver.policy}' on work-queue stream "${stream}": it can only be read from its beginning, with 'all'`;
    throw new ConnectorError("CONSUMER_REFUSED", text);
  }
  if (deliver.policy === "by_start_sequence" && deliver.startSequence > info.state.last_seq + 1) {
    const text = `start_sequence = ${deliver.startSequence}: stream "${stream}" ends at ${info.state.last_seq}`;
    throw new ConnectorError("OPTION_INVALID", text);
  }
}

/** What the source publishes to. Its consumers' names are its own, so permissions have `*` in their place. */
function sourceProbes(prefix: string, table: JetStreamSourceTable, name: string, ackMode: AckMode): readonly Probe[] {
  const shown = sourceSubjects(prefix, table, "*");
  const probes = sourceSubjects(prefix, table, name).map((subject, i) => ({ subject, shown: shown[i] ?? subject }));
  if (ackMode === "none") return probes;
  const ack = `$JS.ACK.${table.stream}`;
  return [...probes, { subject: `${ack}.${name}.1.1.1.0.0`, shown: `${ack}.>` }];
}

/**
 * Creates a consumer like the source's, in memory and short-lived, and deletes it. Takes no signal: what is begun is
 * undone; should that be impossible, the server removes it after its inactive threshold.
 */
async function tryConsumer(
  { link }: TestSession,
  table: JetStreamSourceTable,
  name: string,
  ackMode: AckMode,
): Promise<ConsumerInfo> {
  const { deliver, filterSubjects: filters } = table;
  const config: NamedConsumerConfig = {
    name,
    deliver_policy: deliver.policy,
    ...(deliver.policy === "by_start_sequence" ? { opt_start_seq: deliver.startSequence } : {}),
    ...(deliver.policy === "by_start_time" ? { opt_start_time: deliver.startTime } : {}),
    ack_policy: ackMode,
    replay_policy: "instant",
    mem_storage: true,
    num_replicas: table.numReplicas ?? 1,
    inactive_threshold: INACTIVE_THRESHOLD_NS,
    ...(filters.length === 1 && filters[0] !== undefined ? { filter_subject: filters[0] } : {}),
    ...(filters.length > 1 ? { filter_subjects: filters } : {}),
    ...(table.maxWaiting === undefined ? {} : { max_waiting: table.maxWaiting }),
    ...(table.sampleFrequency === undefined ? {} : { sample_freq: `${table.sampleFrequency}%` }),
  };
  try {
    return await link.api.createConsumer(table.stream, config);
  } finally {
    await link.api.deleteConsumer(table.stream, name);
  }
}

/** The last message that the source would read. Rejects with STREAM_MISMATCH for a filter that can never match. */
async function lastMessage(
  { link }: TestSession,
  { stream, filterSubjects }: JetStreamSourceTable,
  info: StreamInfo,
  signal: AbortSignal,
): Promise<StoredMessage | undefined> {
  let last: StoredMessage | undefined;
  for (const last_by_subj of filterSubjects.length === 0 ? [">"] : filterSubjects) {
    const message = await link.api.getMessage(stream, { last_by_subj }, signal);
    if (message === undefined && filterSubjects.length > 0) checkFilter(last_by_subj, info);
    if (message !== undefined && message.seq > (last?.seq ?? 0)) last = message;
  }
  return last;
}
