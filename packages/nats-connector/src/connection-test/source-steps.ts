import { randomUUID } from "node:crypto";
import { ConnectorError } from "@x/connector-api";
import { type Capabilities, readCapabilities } from "../capabilities.js";
import type { StoredMessage, StreamInfo } from "../jetstream/api.js";
import { consumerSubjects, streamSubjects } from "../permissions.js";
import { type ConsumerPlan, planConsumer, planSharedConsumer } from "../source/plan-consumer.js";
import { resolveSplits } from "../source/splits.js";
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
  let found: { stream: StreamInfo; plans: readonly ConsumerPlan[] } | undefined;
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
        const capabilities = await readCapabilities(api, client, signal, stream);
        found = { stream, plans: firstConsumers(table, stream, capabilities, name) };
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
        const publish = sourceProbes(link.api.prefix, table.stream, known().plans);
        const subscribe = [{ subject: inbox, shown: inbox.replace(/[^.]+$/, ">") }];
        return probePermissions(link, { publish, subscribe }, signal);
      },
    },
    {
      name: "consumer",
      doing: "creating and deleting a consumer",
      async run() {
        const { stream, plans } = known();
        const { retention } = stream.config;
        if (retention !== "limits") {
          return `not tried: on a stream with ${retention} retention a second consumer would take part in it`;
        }
        const pending = await session.finish(tryConsumers(session, table.stream, plans));
        const what = plans.length === 1 ? "the consumer" : `${plans.length} consumers`;
        return `the server takes ${what}; ${pending} messages wait for it`;
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

/** The consumers that a first start would make. Throws what the source would refuse. */
function firstConsumers(
  table: JetStreamSourceTable,
  stream: StreamInfo,
  capabilities: Capabilities,
  name: string,
): readonly ConsumerPlan[] {
  const request = { table, stream, capabilities, start: { kind: "configured" }, labels: {} } as const;
  if (table.ordering === "none") return [planSharedConsumer({ ...request, name })];
  return resolveSplits(table, stream).map((split) =>
    planConsumer({ ...request, name: `${name}-${split.name}`, filters: split.filters }),
  );
}

/** What the source publishes to. Its consumers' names are its own, so permissions have `*` in their place. */
function sourceProbes(prefix: string, stream: string, plans: readonly ConsumerPlan[]): readonly Probe[] {
  const probes = plans.flatMap(({ config: { name, filter_subject: filter }, ackMode }): readonly Probe[] => {
    const shown = consumerSubjects(prefix, stream, "*", filter);
    const own = consumerSubjects(prefix, stream, name, filter).map((subject, i) => ({
      subject,
      shown: shown[i] ?? "",
    }));
    const ack = `$JS.ACK.${stream}`;
    return ackMode === "none" ? own : [...own, { subject: `${ack}.${name}.1.1.1.0.0`, shown: `${ack}.>` }];
  });
  return [...streamSubjects(prefix, stream).map((subject) => ({ subject })), ...probes];
}

/**
 * Creates consumers like the source's, in memory and short-lived, and deletes them. Takes no signal: what is begun is
 * undone; should that be impossible, the server removes it after its inactive threshold.
 */
async function tryConsumers({ link }: TestSession, stream: string, plans: readonly ConsumerPlan[]): Promise<number> {
  let pending = 0;
  for (const { config } of plans) {
    const { durable_name: _, ...rest } = config;
    try {
      const shortLived = { ...rest, mem_storage: true, inactive_threshold: INACTIVE_THRESHOLD_NS };
      const info = await link.api.createConsumer(stream, shortLived);
      pending += info.num_pending;
    } finally {
      await link.api.deleteConsumer(stream, config.name);
    }
  }
  return pending;
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
