import { ConnectorError, kindOf, type OperatorConfig, type TableType } from "@x/connector-api";
import { z } from "zod";
import { fromArroyoTable } from "./arroyo-stored.js";
import { type JetStreamSourceTable, jetStreamSource } from "./jetstream-source-table.js";
import { documented, parseStored } from "./parse-stored.js";
import { count, kind, listenSubject, name, streamName } from "./table-fields.js";

export type { JetStreamSourceTable };

/**
 * What a table is made of, as plain JSON with every default filled in. `type` says which of the four operators it is.
 * `table-options.ts` makes one of WITH options, `arroyo-stored.ts` of Arroyo's stored JSON. Each field says what forms
 * show of it: option, title, description, examples.
 */
export type TableConfig = JetStreamSourceTable | CoreSourceTable | JetStreamSinkTable | CoreSinkTable;

const MIB = 1024 * 1024;

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
    z.boolean().optional(),
    "sink.sole_writer",
    "Sole writer",
    "For a stream without atomic batches. true: nobody else writes into it, so exactly_once works on every server, by a chain of expected sequences. false: others do, so it works from server 2.11 on, by ids within the stream's duplicate window.",
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
  countNoResponders: documented(
    z.boolean().default(false),
    "core.count_no_responders",
    "Count what nobody receives",
    "Counts the messages for which the server knows no subscriber, at the price of a reply subject on each.",
  ),
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
