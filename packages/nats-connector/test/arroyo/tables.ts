import type { ArroyoDocument } from "./document.js";

const stream = (fields: object = {}): object => ({ connectorType: { sourceType: { stream: "S", ...fields } } });
/** Every field with the default of table.json, as the web interface stores it. */
const defaults = {
  ...{ ackPolicy: "Explicit", replayPolicy: "Instant", ackWait: 300, description: null, filterSubjects: [] },
  ...{ sampleFrequency: 0, numReplicas: 1, inactiveThreshold: 600, rateLimit: -1, maxAckPending: -1, maxDeliver: -1 },
  ...{ maxWaiting: 1_000_000, maxBatch: 10_000, maxBytes: 104_857_600, maxExpires: 300_000 },
};
/** The defaults of this package. */
const ours = {
  ...{ type: "jetstream-source", stream: "S", deliver: { policy: "all" }, onGap: "fail", filterSubjects: [] },
  ...{ ackPolicy: "auto", replayPolicy: "instant", ordering: "split", maxBatch: 1000 },
  ...{ maxBytes: 8_388_608, maxExpiresMs: 30_000 },
};
const source = "table.connectorType.sourceType";
/** Tables: `connectorType`, sources and sinks. */
export const tables: readonly ArroyoDocument[] = [
  // Tables: JetStream sources.
  { pins: "only a stream", kind: "table", stored: stream(), loaded: ours },
  { pins: "every default of table.json counts as unset", kind: "table", stored: stream(defaults), loaded: ours },
  {
    pins: "the SQL path's ack_wait of 30 counts as unset too",
    kind: "table",
    stored: stream({ ...defaults, ackWait: 30 }),
    loaded: ours,
  },
  {
    pins: "ackWait that differs is in seconds",
    kind: "table",
    stored: stream({ ackWait: 60 }),
    loaded: { ackWaitMs: 60_000 },
  },
  {
    pins: "inactiveThreshold in seconds",
    kind: "table",
    stored: stream({ inactiveThreshold: 30 }),
    loaded: { inactiveThresholdMs: 30_000 },
  },
  {
    pins: "maxExpires is in seconds, as Arroyo uses it",
    kind: "table",
    stored: stream({ maxExpires: 60 }),
    loaded: { maxExpiresMs: 60_000 },
  },
  { pins: "ackPolicy None", kind: "table", stored: stream({ ackPolicy: "None" }), loaded: { ackPolicy: "none" } },
  { pins: "ackPolicy All", kind: "table", stored: stream({ ackPolicy: "All" }), loaded: { ackPolicy: "all" } },
  {
    pins: "ackPolicy Explicit is Arroyo's default",
    kind: "table",
    stored: stream({ ackPolicy: "Explicit" }),
    loaded: { ackPolicy: "auto" },
  },
  {
    pins: "filterSubjects are trimmed, each once",
    kind: "table",
    stored: stream({ filterSubjects: ["a", " b.>", "a"] }),
    loaded: { filterSubjects: ["a", "b.>"] },
  },
  { pins: "numReplicas 0 means the stream's", kind: "table", stored: stream({ numReplicas: 0 }), loaded: ours },
  { pins: "numReplicas 3", kind: "table", stored: stream({ numReplicas: 3 }), loaded: { numReplicas: 3 } },
  {
    pins: "a rate limit holds in the client",
    kind: "table",
    stored: stream({ rateLimit: 500 }),
    loaded: { messagesPerSecond: 500 },
  },
  {
    pins: "pull sizes that differ",
    kind: "table",
    stored: stream({ maxBatch: 500, maxBytes: 1000, maxWaiting: 16 }),
    loaded: { maxBatch: 500, maxBytes: 1000, maxWaiting: 16 },
  },
  {
    pins: "description and sampling",
    kind: "table",
    stored: stream({ description: "d", sampleFrequency: 30 }),
    loaded: { description: "d", sampleFrequency: 30 },
  },
  {
    pins: "replayPolicy Original",
    kind: "table",
    stored: stream({ replayPolicy: "Original" }),
    loaded: { replayPolicy: "original" },
  },
  {
    pins: "maxAckPending and maxDeliver",
    kind: "table",
    stored: stream({ maxAckPending: 5, maxDeliver: 6 }),
    loaded: { maxAckPending: 5, maxDeliver: 6 },
  },
  {
    pins: "a maxDeliver below -1 does not wrap",
    kind: "table",
    stored: stream({ maxDeliver: -2 }),
    refused: ["OPTION_INVALID", `${source}.maxDeliver`],
  },
  {
    pins: "a lower-case ackPolicy is not Arroyo's",
    kind: "table",
    stored: stream({ ackPolicy: "explicit" }),
    refused: ["OPTION_INVALID", `${source}.ackPolicy`],
  },
  {
    pins: "a negative ackWait does not wrap",
    kind: "table",
    stored: stream({ ackWait: -1 }),
    refused: ["OPTION_INVALID", `${source}.ackWait`],
  },
  {
    pins: "sampleFrequency beyond 100 does not wrap",
    kind: "table",
    stored: stream({ sampleFrequency: 300 }),
    refused: ["OPTION_INVALID", `${source}.sampleFrequency`],
  },
  {
    pins: "rateLimit 0",
    kind: "table",
    stored: stream({ rateLimit: 0 }),
    refused: ["OPTION_INVALID", `${source}.rateLimit`],
  },
  {
    pins: "a number as text",
    kind: "table",
    stored: stream({ maxBatch: "500" }),
    refused: ["OPTION_INVALID", `${source}.maxBatch`],
  },
  { pins: "a misspelt field", kind: "table", stored: stream({ ackWiat: 5 }), refused: ["OPTION_INVALID", "ackWiat"] },
  {
    pins: "a stream name with a dot",
    kind: "table",
    stored: stream({ stream: "a.b" }),
    refused: ["OPTION_INVALID", "table.stream"],
  },
  { pins: "stream and subject", kind: "table", stored: stream({ subject: "s" }), refused: ["OPTION_INVALID", source] },
  {
    pins: "neither stream nor subject",
    kind: "table",
    stored: { connectorType: { sourceType: {} } },
    refused: ["OPTION_INVALID", source],
  },
  {
    pins: "sourceType null",
    kind: "table",
    stored: { connectorType: { sourceType: null } },
    refused: ["OPTION_INVALID", source],
  },
  {
    pins: "source and sink",
    kind: "table",
    stored: { connectorType: { sourceType: { subject: "a" }, sinkType: { subject: "a" } } },
    refused: ["OPTION_INVALID", "table.connectorType"],
  },
  {
    pins: "an empty connectorType",
    kind: "table",
    stored: { connectorType: {} },
    refused: ["OPTION_INVALID", "table.connectorType"],
  },
  { pins: "no connectorType", kind: "table", stored: {}, refused: ["OPTION_INVALID", "table"] },

  // Tables: Core.
  {
    pins: "a Core source",
    kind: "table",
    stored: { connectorType: { sourceType: { subject: "in.>" } } },
    loaded: { type: "core-source", subject: "in.>", onOverflow: "drop_newest" },
  },
  {
    pins: "a sink is a Core sink",
    kind: "table",
    stored: { connectorType: { sinkType: { subject: "out" } } },
    loaded: { type: "core-sink", subject: "out", delivery: "at_least_once" },
  },
  {
    pins: "a sink without a subject",
    kind: "table",
    stored: { connectorType: { sinkType: {} } },
    refused: ["OPTION_INVALID", "table.connectorType.sinkType.subject"],
  },
];
