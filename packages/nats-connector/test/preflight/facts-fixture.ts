import { failOnBadData } from "@x/connector-api";
import { capabilitiesOf } from "../../src/capabilities.js";
import type { ConsumerInfo, StreamConfig, StreamInfo, StreamState } from "../../src/jetstream/api.js";
import { noGaps, type SplitRecord } from "../../src/jetstream/state-record.js";
import type {
  CoreSinkFacts,
  CoreSourceFacts,
  Facts,
  JetStreamSinkFacts,
  JetStreamSourceFacts,
  PipelineFacts,
  SystemFacts,
} from "../../src/preflight/facts.js";
import { parseTable } from "../../src/table-config.js";

export const NOW = Date.parse("2026-01-31T12:00:00Z");
const CREATED = "2026-01-01T00:00:00Z";

export function streamOf(
  name: string,
  config: Partial<StreamConfig> = {},
  state: Partial<StreamState> = {},
  more: Partial<StreamInfo> = {},
): StreamInfo {
  return {
    created: CREATED,
    config: {
      name,
      subjects: [`${name.toLowerCase()}.>`],
      retention: "limits",
      num_replicas: 3,
      storage: "file",
      ...config,
    },
    state: { messages: 100, bytes: 10_000, first_seq: 1, last_seq: 100, consumer_count: 1, ...state },
    ...more,
  };
}

export const recordOf = (more: Partial<SplitRecord> = {}): SplitRecord => ({
  stream: "IN",
  domain: undefined,
  created: CREATED,
  split: "0",
  cut: "one split",
  initialUntil: undefined,
  gaps: noGaps,
  filters: [],
  lastSeq: 50,
  lastTs: undefined,
  scannedSeq: 50,
  consumerSeq: 50,
  epoch: 1,
  consumer: "p-job-0-e1-i",
  ackMode: "none",
  ...more,
});

export const consumerOf = (name: string, config: Partial<ConsumerInfo["config"]> = {}): ConsumerInfo => ({
  name,
  created: CREATED,
  config: { deliver_policy: "all", ack_policy: "explicit", ...config },
  delivered: { consumer_seq: 0, stream_seq: 0 },
  ack_floor: { consumer_seq: 0, stream_seq: 0 },
  num_pending: 0,
  num_ack_pending: 0,
  num_waiting: 0,
});

const system: SystemFacts = {
  capabilities: capabilitiesOf("2.15.1", 5),
  clustered: true,
  maxPayload: 1_048_576,
  account: undefined,
  denied: [],
  unread: [],
};

const side = { system, badData: failOnBadData, needed: { publish: [], subscribe: [] }, deadLetters: undefined };

/** What a test says beside a healthy pipeline. Tables are given by what differs from the smallest one. */
export interface Change {
  readonly pipeline?: Partial<PipelineFacts>;
  readonly system?: Partial<SystemFacts>;
  readonly source?: Partial<Omit<JetStreamSourceFacts, "table" | "kind">>;
  readonly sourceTable?: object;
  readonly sink?: Partial<Omit<JetStreamSinkFacts, "table" | "kind">>;
  readonly sinkTable?: object;
  readonly coreSource?: object;
  readonly coreSink?: Partial<CoreSinkFacts>;
  readonly coreSinkTable?: object;
  readonly sameSystem?: boolean;
}

/** Facts of a pipeline from stream IN to stream OUT with nothing wrong, but for what is given. */
export function factsOf(change: Change = {}): Facts {
  const common = { ...side, system: { ...system, ...change.system } };
  const source: JetStreamSourceFacts = {
    ...common,
    kind: "jetstream-source",
    name: "input",
    table: parseTable({
      type: "jetstream-source",
      stream: "IN",
      ...change.sourceTable,
    }) as JetStreamSourceFacts["table"],
    rateLimit: undefined,
    stream: streamOf("IN"),
    consumers: [],
    positions: [recordOf()],
    next: { seq: 51, storedAtMs: NOW - 1000 },
    storedAtPosition: undefined,
    ...change.source,
  };
  const sink: JetStreamSinkFacts = {
    ...common,
    kind: "jetstream-sink",
    name: "output",
    table: parseTable({
      ...{ type: "jetstream-sink", stream: "OUT", subject: "out.rows", messageId: "{id}" },
      ...change.sinkTable,
    }) as JetStreamSinkFacts["table"],
    pattern: "out.rows",
    stream: streamOf("OUT", { duplicate_window: 120e9 }),
    ...change.sink,
  };
  const coreSource: CoreSourceFacts = {
    ...common,
    kind: "core-source",
    name: "input",
    table: parseTable({
      type: "core-source",
      subject: "in.>",
      onOverflow: "fail",
      ...change.coreSource,
    }) as CoreSourceFacts["table"],
  };
  const coreSink: CoreSinkFacts = {
    ...common,
    kind: "core-sink",
    name: "output",
    table: parseTable({ type: "core-sink", subject: "out.rows", ...change.coreSinkTable }) as CoreSinkFacts["table"],
    pattern: "out.rows",
    capturedBy: [],
    ...change.coreSink,
  };
  return {
    pipeline: {
      name: "p",
      deterministic: true,
      checkpointIntervalMs: 1000,
      recoveryMs: 60_000,
      durableState: true,
      splits: ["0"],
      beside: [],
      ...change.pipeline,
    },
    source: change.coreSource === undefined ? source : coreSource,
    sink: change.coreSink === undefined && change.coreSinkTable === undefined ? sink : coreSink,
    sameSystem: change.sameSystem ?? true,
    nowMs: NOW,
  };
}
