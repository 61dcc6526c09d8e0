import { z } from "zod";
import { documented } from "./parse-stored.js";
import { count, kind, listenSubject, streamName, time } from "./table-fields.js";

const MIB = 1024 * 1024;

const deliverPolicy = ["deliver_policy", "Policy", "Where a source without a checkpoint starts."] as const;
const deliver = z.discriminatedUnion("policy", [
  z
    .strictObject({ policy: documented(z.enum(["all", "new", "last"]), ...deliverPolicy, ["all"]) })
    .meta({ title: "At an end of the stream", description: "At its first, behind its last, or at its last message." }),
  z
    .strictObject({ policy: documented(z.literal("last_per_subject"), ...deliverPolicy) })
    .meta({ title: "At the present state", description: "At the last message of each subject, then all that follow." }),
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

/** How a stream is cut into splits, each read in order by itself. */
const partition = z.discriminatedUnion("by", [
  z
    .strictObject({
      by: documented(z.literal("transform"), "partitions", "Cut", "By partition() of the stream's subject transform."),
      count: documented(count(2), "partitions", "Partitions", "Number of partitions of the stream's transform.", [8]),
    })
    .meta({ title: "By the stream", description: "By partition() of the stream's subject transform." }),
  z
    .strictObject({
      by: documented(z.literal("token"), "partitions", "Cut", "By a number in a token of the subject."),
      count: documented(count(), "partitions", "Partitions", "Number of partitions, counted from 0.", [8]),
      token: documented(
        count(),
        "partition.token",
        "Token",
        "Token of the subject that holds the number, from 1.",
        [2],
      ),
    })
    .meta({ title: "By a token", description: "By a number in a token of the subject." }),
  z
    .strictObject({
      by: documented(z.literal("filters"), "partitions", "Cut", "By subjects."),
      filters: documented(
        z.array(listenSubject).min(1),
        "partition.filters",
        "Filters",
        "One split per subject; they must not overlap.",
        [["orders.eu.>", "orders.us.>"]],
      ),
    })
    .meta({ title: "By filters", description: "By subjects, one per split." }),
]);

const fields = z.strictObject({
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
    z.enum(["fail", "skip", "earliest", "latest"]).default("fail"),
    "on_gap",
    "On a gap",
    "What to do when messages that were not read are gone, or the stream was recreated: stop and name the range, go on with the first one still there, or start over at an end of the stream. Each is counted.",
  ),
  ordering: documented(
    z.enum(["split", "none"]).default("split"),
    "ordering",
    "Ordering",
    "split: in order per split. none: one consumer shared by every process of the pipeline, in any order.",
  ),
  partition: documented(
    partition.optional(),
    "partitions",
    "Partition",
    "Cuts the stream into splits that are read side by side, in order per split. Unset: one split.",
    [{ by: "token", count: 8, token: 2 }],
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
  replayPolicy: documented(
    z.enum(["instant", "original"]).default("instant"),
    "consumer.replay_policy",
    "Replay policy",
    "original: at the pace in which the messages were stored.",
  ),
  ackWaitMs: documented(
    count().optional(),
    "consumer.ack_wait",
    "Ack wait (ms)",
    "How long the server waits for an ack before it delivers a message again. Unset: 24 h, because acks wait for checkpoints; with ordering = 'none' 30 s, kept alive by in-progress marks.",
    [60_000],
  ),
  maxAckPending: documented(
    count().optional(),
    "consumer.max_ack_pending",
    "Max ack pending",
    "Messages that may be delivered and not acked; a checkpoint is taken early before it is reached. Unset: the limit of the stream or the account, else none.",
    [10_000],
  ),
  maxDeliver: documented(
    count().optional(),
    "consumer.max_deliver",
    "Max deliver",
    "How often the server delivers a message that is not acked; one given up is a counted gap. Unset: until it is acked.",
    [5],
  ),
  inactiveThresholdMs: documented(
    count().optional(),
    "consumer.inactive_threshold",
    "Inactive threshold (ms)",
    "When the server removes a consumer that nobody pulls from. Used only where that cannot lose data. Unset: 5 min.",
    [600_000],
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

export const jetStreamSource = fields.check(
  ({ value: { ordering, partition, ackPolicy, onGap, filterSubjects }, issues }) => {
    const refuse = (path: string, message: string): void =>
      void issues.push({ code: "custom", path: [path], message, input: path });
    const acksEach = ackPolicy === "auto" || ackPolicy === "explicit";
    if (ordering === "none" && partition !== undefined) refuse("partition", "needs ordering = 'split'");
    if (ordering === "none" && onGap === "latest")
      refuse("onGap", "expected fail, skip or earliest with ordering = 'none'");
    if (ordering === "none" && !acksEach) refuse("ackPolicy", "expected auto or explicit with ordering = 'none'");
    if (partition !== undefined && partition.by !== "token" && filterSubjects.length > 0) {
      refuse("filterSubjects", "expected none beside a partition that is not by a token");
    }
  },
);
export type JetStreamSourceTable = z.infer<typeof fields> & {
  /** The one split to read, where other processes read the others. Set by a host at run time, never stored. */
  readonly only?: string;
};
