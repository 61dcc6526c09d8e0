import { ConnectorError, kindOf, type OperatorConfig, type TableType } from "@x/connector-api";
import { z } from "zod";
import { fromArroyoTable } from "./arroyo-stored.js";
import { documented, parseStored } from "./parse-stored.js";

/**
 * What a table is made of, as plain JSON with every default filled in. `type` says which of the four operators it is.
 * `table-options.ts` makes one of WITH options, `arroyo-stored.ts` of Arroyo's stored JSON. Each field says what forms
 * show of it: option, title, description, examples.
 */
export type TableConfig = JetStreamSourceTable | CoreSourceTable | JetStreamSinkTable | CoreSinkTable;

const MIB = 1024 * 1024;
const name = (pattern: RegExp, expected: string) => z.string().regex(pattern, `expected ${expected}`);
const count = (min = 1) => z.int().min(min);
/** The server's rule for stream names, which also keeps them out of other tokens of a subject. */
const streamName = name(/^[^\s.*>/\\]+$/, 'a stream name without ".", "*", ">", slashes or spaces');
/** A subject to listen on: tokens, `*`, and a last `>`. The client checks nothing, so this keeps CR, LF and spaces out. */
const listenSubject = name(/^(?:[^\s.>]+\.)*(?:[^\s.>]+|>)$/, "a subject: tokens joined by dots, no spaces");
/** RFC 3339. */
const time = z.string().refine((text) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)), {
  message: "expected a time as in RFC 3339 (2026-01-31T08:00:00Z)",
});
const kind = <const Kind extends string>(word: Kind, description: string) =>
  documented(z.literal(word), "type", "Kind", description);

const deliverPolicy = ["deliver_policy", "Policy", "Where a source without a checkpoint starts."] as const;
const deliver = z.discriminatedUnion("policy", [
  z
    .strictObject({ policy: documented(z.enum(["all", "new", "last"]), ...deliverPolicy, ["all"]) })
    .meta({ title: "At an end of the stream", description: "At its first, behind its last, or at its last message." }),
  z
    .strictObject({
      policy: documented(z.literal("by_start_sequence"), ...deliverPolicy),
      startSequence: documented(count(), "start_sequence", "Start sequence", "First sequence to read.", [1000]),
    })
    .meta({ title: "At a sequence", description: "At a sequence of the stream." }),
  z
    .strictObject({
      policy: documented(z.literal("by_start_time"), ...deliverPolicy),
      startTime: documented(time, "start_time", "Start time", "Time of the first message to read, as in RFC 3339.", [
        "2026-01-31T08:00:00Z",
      ]).meta({ format: "date-time" }),
    })
    .meta({ title: "At a time", description: "At the first message stored at or after a time." }),
]);
/** Where a source without a checkpoint starts. */
export type DeliverConfig = z.infer<typeof deliver>;

const jetStreamSource = z.strictObject({
  type: kind("jetstream-source", "Reads a JetStream stream."),
  stream: documented(streamName, "stream", "Stream", "Stream to read. It must exist.", ["ORDERS"]),
  deliver: documented(
    deliver.default({ policy: "all" }),
    "deliver_policy",
    "Start",
    "Where a source without a checkpoint starts; with a checkpoint it goes on behind it.",
    [{ policy: "by_start_sequence", startSequence: 1000 }],
  ),
  onGap: documented(
    z.literal("fail").default("fail"),
    "on_gap",
    "On a gap",
    "What to do when messages that were not read are gone, or the stream was recreated: stop and name the range.",
  ),
  filterSubjects: documented(
    z.array(listenSubject).default([]),
    "consumer.filter_subjects",
    "Filter subjects",
    "Reads only these subjects of the stream; empty for all. Several need server 2.10.",
    [["orders.eu.>", "orders.us.*"]],
  ),
  ackPolicy: documented(
    z.enum(["auto", "none", "all", "explicit"]).default("auto"),
    "consumer.ack_policy",
    "Ack policy",
    "How the consumer acks, always behind a durable checkpoint. auto picks by the stream's retention.",
  ),
  description: documented(
    z.string().optional(),
    "consumer.description",
    "Consumer description",
    "Shown by tools that list consumers.",
    ["billing"],
  ),
  ackWaitMs: documented(
    count().default(24 * 60 * 60 * 1000),
    "consumer.ack_wait",
    "Ack wait (ms)",
    "How long the server waits for an ack before it delivers a message again. Long, because acks wait for checkpoints.",
  ),
  inactiveThresholdMs: documented(
    count().default(5 * 60 * 1000),
    "consumer.inactive_threshold",
    "Inactive threshold (ms)",
    "When the server removes a consumer that nobody pulls from. Used only where that cannot lose data.",
  ),
  numReplicas: documented(
    count().max(5).optional(),
    "consumer.num_replicas",
    "Consumer replicas",
    "Replicas of the consumer's state. Unset: 1 for a consumer without acks, else the stream's.",
    [3],
  ),
  sampleFrequency: documented(
    z.int().min(0).max(100).optional(),
    "consumer.sample_frequency",
    "Sample frequency (%)",
    "Share of acks that the server publishes as samples.",
    [10],
  ),
  maxWaiting: documented(
    count().optional(),
    "consumer.max_waiting",
    "Max waiting",
    "Pulls that may wait at the consumer. Unset: the server's own limit.",
    [512],
  ),
  maxBatch: documented(
    count().max(100_000).default(1000),
    "consumer.max_batch",
    "Messages per pull",
    "Messages per pull; two pulls are outstanding.",
  ),
  maxBytes: documented(
    count().default(8 * MIB),
    "consumer.max_bytes",
    "Bytes per pull",
    "Bytes per pull; raised to the server's max_payload + 64 KiB where that is more.",
  ),
  maxExpiresMs: documented(
    count(1000).default(30_000),
    "consumer.max_expires",
    "Pull expiry (ms)",
    "How long a pull waits at the server before it is asked again.",
  ),
  messagesPerSecond: documented(
    count().optional(),
    "consumer.rate_limit",
    "Messages per second",
    "Reads at most this many messages per second, limited by the client. With a limit beside the table, the lower one.",
    [500],
  ),
});
export type JetStreamSourceTable = z.infer<typeof jetStreamSource>;

const coreSource = z.strictObject({
  type: kind("core-source", "Listens to a Core subject: what is published meanwhile, at most once."),
  subject: documented(listenSubject, "subject", "Subject", "Subject to listen to; may hold wildcards.", ["sensors.>"]),
  queueGroup: documented(
    name(/^\S+$/, "a name without spaces").optional(),
    "queue_group",
    "Queue group",
    "Members of one group share the messages.",
    ["workers"],
  ),
  maxBufferedMessages: documented(
    count().default(100_000),
    "core.max_buffered_messages",
    "Buffered messages",
    "Messages that may wait to be read.",
  ),
  maxBufferedBytes: documented(
    count().default(64 * MIB),
    "core.max_buffered_bytes",
    "Buffered bytes",
    "Bytes of messages that may wait to be read.",
  ),
  onOverflow: documented(
    z.enum(["drop_newest", "drop_oldest", "fail"]).default("drop_newest"),
    "core.on_overflow",
    "On overflow",
    "What to do with messages that do not fit. Every drop is counted.",
  ),
});
export type CoreSourceTable = z.infer<typeof coreSource>;

const publishing = {
  subject: documented(
    z.string().min(1),
    "subject",
    "Subject",
    "Subject to publish to; {column} stands for a value of the row and fills one token.",
    ["bills.{customer}"],
  ),
  headers: documented(
    z.record(z.string(), z.string()).default({}),
    "header.*",
    "Headers",
    "Header name to template, which may hold {column}.",
    [{ "X-Kind": "order-{kind}" }],
  ),
  maxInFlight: documented(
    count().default(4096),
    "publish.max_in_flight",
    "Messages in flight",
    "Messages that may be unconfirmed.",
  ),
  maxInFlightBytes: documented(
    count().default(16 * MIB),
    "publish.max_in_flight_bytes",
    "Bytes in flight",
    "Bytes of messages that may be unconfirmed.",
  ),
  lineage: documented(
    z.boolean().default(false),
    "lineage",
    "Lineage",
    "Says in headers of every output which message of which stream it comes from (X-Source-Stream, X-Source-Sequence, X-Pipeline, X-Job).",
  ),
};
const delivery = <const Word extends string>(words: readonly [Word, ...Word[]], description: string) =>
  documented(z.enum(words).default("at_least_once" as never), "delivery", "Delivery", description);
const AT_LEAST_ONCE = "at_least_once waits for confirmations and publishes again what was not confirmed.";

const jetStreamSink = z.strictObject({
  type: kind("jetstream-sink", "Publishes into a JetStream stream, which acknowledges every message."),
  stream: documented(
    streamName,
    "stream",
    "Stream",
    "Stream to publish into. It must exist and capture every subject that the template can give.",
    ["BILLS"],
  ),
  ...publishing,
  delivery: delivery(
    ["at_least_once", "exactly_once", "at_most_once"],
    `${AT_LEAST_ONCE} exactly_once keeps how far the input is written in the same stream.`,
  ),
  progressSubject: documented(
    z.string().min(1).optional(),
    "exactly_once.progress_subject",
    "Progress subject",
    "Where exactly_once keeps how far the input is written; may hold {pipeline} and {split}. The stream must capture it.",
    ["bills.__progress.{pipeline}.{split}"],
  ),
  soleWriter: documented(
    z.boolean().default(false),
    "sink.sole_writer",
    "Sole writer",
    "Nobody else writes into the stream: exactly_once then works on every server, by a chain of expected sequences.",
  ),
  messageId: documented(
    z.string().optional(),
    "message_id",
    "Message id",
    "Template of Nats-Msg-Id, by which the stream drops what it sees twice within its duplicate window.",
    ["{id}"],
  ),
  ackTimeoutMs: documented(
    count().default(5000),
    "publish.ack_timeout",
    "Ack timeout (ms)",
    "When an acknowledgement is late and the message is published again.",
  ),
});
export type JetStreamSinkTable = z.infer<typeof jetStreamSink>;

const coreSink = z.strictObject({
  type: kind("core-sink", "Publishes to Core subjects, without acknowledgements."),
  ...publishing,
  delivery: delivery(["at_least_once", "at_most_once"], AT_LEAST_ONCE),
});
export type CoreSinkTable = z.infer<typeof coreSink>;

export const tableSchema = z
  .discriminatedUnion("type", [
    jetStreamSource.meta({ title: "JetStream source", description: "Reads a stream from a durable position." }),
    coreSource.meta({ title: "Core source", description: "Listens to a subject." }),
    jetStreamSink.meta({ title: "JetStream sink", description: "Publishes into a stream with acknowledgements." }),
    coreSink.meta({ title: "Core sink", description: "Publishes to subjects." }),
  ])
  .meta({
    title: "NATS table",
    description: "One source or sink. Arroyo's { connectorType } is read as well.",
    examples: [
      { type: "jetstream-source", stream: "ORDERS", filterSubjects: ["orders.eu.>"] },
      { type: "core-source", subject: "sensors.>", queueGroup: "workers" },
      { type: "jetstream-sink", stream: "BILLS", subject: "bills.{customer}", messageId: "{id}" },
      { type: "core-sink", subject: "alerts.{level}" },
    ],
  });

/** Parses a stored table, ours or Arroyo's. Throws OPTION_INVALID naming the path, or UNSUPPORTED. */
export function parseTable(value: unknown): TableConfig {
  if (typeof value !== "object" || value === null) {
    throw new ConnectorError("OPTION_INVALID", `table: expected an object, got ${kindOf(value)}`);
  }
  return parseStored(tableSchema, "connectorType" in value ? fromArroyoTable(value) : value, "table");
}

export function tableTypeOf(table: TableConfig): TableType {
  return table.type === "jetstream-source" || table.type === "core-source" ? "source" : "sink";
}

/** The configuration with the table's own limit of messages per second; of two limits the lower one holds. */
export function withRateLimit(config: OperatorConfig, table: TableConfig): OperatorConfig {
  const own = table.type === "jetstream-source" ? table.messagesPerSecond : undefined;
  if (own === undefined || own >= (config.rateLimit?.messagesPerSecond ?? Number.POSITIVE_INFINITY)) return config;
  return { ...config, rateLimit: { messagesPerSecond: own } };
}
