import { ConnectorError, kindOf, type TableType } from "@x/connector-api";
import { z } from "zod";
import { fromArroyoTable } from "./arroyo-stored.js";
import { parseStored } from "./parse-stored.js";

/**
 * What a table is made of, as plain JSON with every default filled in. `type` says which of the four operators it is.
 * `table-options.ts` makes one of WITH options, `arroyo-stored.ts` of Arroyo's stored JSON.
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

const deliver = z.discriminatedUnion("policy", [
  z.strictObject({ policy: z.enum(["all", "new", "last"]) }),
  z.strictObject({ policy: z.literal("by_start_sequence"), startSequence: count() }),
  z.strictObject({ policy: z.literal("by_start_time"), startTime: time }),
]);
/** Where a source without a checkpoint starts. */
export type DeliverConfig = z.infer<typeof deliver>;

const jetStreamSource = z.strictObject({
  type: z.literal("jetstream-source"),
  stream: streamName,
  deliver: deliver.default({ policy: "all" }),
  onGap: z.literal("fail").default("fail"),
  filterSubjects: z.array(listenSubject).default([]),
  ackPolicy: z.enum(["auto", "none", "all", "explicit"]).default("auto"),
  description: z.string().optional(),
  ackWaitMs: count().default(24 * 60 * 60 * 1000),
  inactiveThresholdMs: count().default(5 * 60 * 1000),
  /** Unset: 1 for a consumer without acks, else the stream's. */
  numReplicas: count().max(5).optional(),
  sampleFrequency: z.int().min(0).max(100).optional(),
  maxWaiting: count().optional(),
  /** Messages per pull; two pulls are outstanding. */
  maxBatch: count().max(100_000).default(1000),
  /** Bytes per pull; raised to the server's max_payload + 64 KiB where that is more. */
  maxBytes: count().default(8 * MIB),
  maxExpiresMs: count(1000).default(30_000),
});
export type JetStreamSourceTable = z.infer<typeof jetStreamSource>;

const coreSource = z.strictObject({
  type: z.literal("core-source"),
  subject: listenSubject,
  queueGroup: name(/^\S+$/, "a name without spaces").optional(),
  maxBufferedMessages: count().default(100_000),
  maxBufferedBytes: count().default(64 * MIB),
  onOverflow: z.enum(["drop_newest", "drop_oldest", "fail"]).default("drop_newest"),
});
export type CoreSourceTable = z.infer<typeof coreSource>;

const publishing = {
  /** May hold `{column}`. */
  subject: z.string().min(1),
  /** Header name → template. */
  headers: z.record(z.string(), z.string()).default({}),
  maxInFlight: count().default(4096),
  maxInFlightBytes: count().default(16 * MIB),
};

const jetStreamSink = z.strictObject({
  type: z.literal("jetstream-sink"),
  stream: streamName,
  ...publishing,
  delivery: z.enum(["at_least_once", "at_most_once"]).default("at_least_once"),
  /** Template of `Nats-Msg-Id`. */
  messageId: z.string().optional(),
  ackTimeoutMs: count().default(5000),
});
export type JetStreamSinkTable = z.infer<typeof jetStreamSink>;

const coreSink = z.strictObject({
  type: z.literal("core-sink"),
  ...publishing,
  delivery: z.enum(["at_least_once", "at_most_once"]).default("at_least_once"),
});
export type CoreSinkTable = z.infer<typeof coreSink>;

export const tableSchema = z.discriminatedUnion("type", [jetStreamSource, coreSource, jetStreamSink, coreSink]);

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
