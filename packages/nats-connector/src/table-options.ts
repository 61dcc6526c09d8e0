import { ConnectorError, type ConnectorOptions } from "@x/connector-api";
import { streamReading } from "./jetstream-source-options.js";
import { compact } from "./parse-stored.js";
import { parseTable, type TableConfig } from "./table-config.js";

type Kind = TableConfig["type"];

/** Which options belong to which kind of table, so that one in the wrong place is told so by name. */
const families: readonly {
  readonly kinds: readonly Kind[];
  readonly words: string;
  readonly names: readonly string[];
}[] = [
  {
    kinds: ["jetstream-source", "core-source", "jetstream-sink", "core-sink"],
    words: "",
    names: ["type", "stream", "subject"],
  },
  {
    kinds: ["jetstream-source"],
    words: "a JetStream source",
    names: [
      ...["description", "ack_policy", "replay_policy", "ack_wait", "filter_subjects", "sample_frequency"],
      ...["num_replicas", "inactive_threshold", "max_ack_pending", "max_deliver", "max_waiting", "max_batch"],
      ...["max_bytes", "max_expires"],
    ].map((name) => `consumer.${name}`),
  },
  {
    kinds: ["jetstream-source"],
    words: "a JetStream source",
    names: [
      ...["deliver_policy", "start_sequence", "start_time", "on_gap", "partitions", "partition.token"],
      ...["partition.filters", "ordering"],
    ],
  },
  {
    kinds: ["core-source"],
    words: "a Core source",
    names: ["queue_group", "core.max_buffered_messages", "core.max_buffered_bytes", "core.on_overflow"],
  },
  {
    kinds: ["jetstream-source", "core-source"],
    words: "a source",
    names: ["rate_limit.messages_per_second", "consumer.rate_limit"],
  },
  {
    kinds: ["jetstream-sink", "core-sink"],
    words: "a sink",
    names: ["delivery", "header.*", "lineage", "publish.max_in_flight", "publish.max_in_flight_bytes"],
  },
  {
    kinds: ["core-sink"],
    words: "a Core sink",
    names: ["core.count_no_responders"],
  },
  {
    kinds: ["jetstream-sink"],
    words: "a JetStream sink",
    names: ["message_id", "publish.ack_timeout", "exactly_once.progress_subject", "sink.sole_writer"],
  },
];

/** Names every option of every kind of table, before anything required is pulled. */
export function declareTableOptions(options: ConnectorOptions): void {
  const kind = kindOf(options);
  for (const { kinds, words, names } of families) {
    if (kind === undefined || kinds.includes(kind)) options.declare(names);
    else options.declare(names, words);
  }
}

/** Which kind of table it is going to be; undefined while `type` is missing. */
function kindOf(options: ConnectorOptions): Kind | undefined {
  const type = options.pullChoice("type", ["source", "sink"]);
  if (type === undefined) return undefined;
  return options.has("stream") ? `jetstream-${type}` : `core-${type}`;
}

/** Pulls the options of a table. */
export function tableFromOptions(options: ConnectorOptions): TableConfig {
  options.pullString("type");
  const kind = kindOf(options) ?? "core-source";
  switch (kind) {
    case "jetstream-source":
      options.exclusive(["stream", "subject"]);
      return parseTable(compact({ type: kind, stream: options.pullString("stream"), ...streamReading(options) }));
    case "core-source":
      return parseTable(compact({ type: kind, subject: oneInput(options), ...coreReading(options) }));
    case "jetstream-sink": {
      const stream = options.pullString("stream");
      const common = publishing(options);
      return parseTable(
        compact({
          type: kind,
          stream,
          ...common,
          ...exactlyOnce(options, common.delivery),
          messageId: options.pullOptionalString("message_id"),
          ackTimeoutMs: options.pullDuration("publish.ack_timeout"),
        }),
      );
    }
    case "core-sink": {
      const table = publishing(options);
      if (table.delivery === "exactly_once") {
        throw new ConnectorError(
          "OPTION_CONFLICT",
          `delivery = 'exactly_once' needs "stream": progress is kept there`,
          {
            place: options.placeOf("delivery"),
          },
        );
      }
      const countNoResponders = options.pullBool("core.count_no_responders");
      return parseTable(compact({ type: kind, ...table, countNoResponders }));
    }
  }
}

/** Messages per second, from either name; undefined for none. */
export function rateLimitFromOptions(options: ConnectorOptions): { messagesPerSecond: number } | undefined {
  const names = ["rate_limit.messages_per_second", "consumer.rate_limit"];
  options.exclusive(names);
  for (const name of names) {
    const rate = options.pullInt(name, { min: -1 });
    if (rate === undefined || rate === -1) continue;
    if (rate > 0) return { messagesPerSecond: rate };
    throw new ConnectorError("OPTION_INVALID", `option "${name}": expected a number above 0, or -1 for none, got 0`, {
      place: options.placeOf(name),
    });
  }
  return undefined;
}

/** A source without `stream` needs a subject; the error names both. */
function oneInput(options: ConnectorOptions): string {
  const subject = options.pullOptionalString("subject");
  if (subject !== undefined) return subject;
  // An unknown option is told first: it may be the misspelt one.
  const missing = (): never => options.pullString("stream") as never;
  try {
    return missing();
  } catch (error) {
    if ((error as ConnectorError).code !== "OPTION_MISSING") throw error;
    throw new ConnectorError("OPTION_MISSING", 'a source needs "stream" (JetStream) or "subject" (Core)', {
      place: (error as ConnectorError).place,
      context: { option: "stream" },
    });
  }
}

function coreReading(options: ConnectorOptions): object {
  return {
    queueGroup: options.pullOptionalString("queue_group"),
    maxBufferedMessages: options.pullInt("core.max_buffered_messages", { min: 1 }),
    maxBufferedBytes: options.pullBytes("core.max_buffered_bytes"),
    onOverflow: options.pullChoice("core.on_overflow", ["drop_newest", "drop_oldest", "fail"]),
  };
}

function exactlyOnce(options: ConnectorOptions, delivery: string | undefined): object {
  const names = ["exactly_once.progress_subject", "sink.sole_writer"];
  const given = names.find((name) => options.has(name));
  if (given !== undefined && delivery !== "exactly_once") {
    throw new ConnectorError("OPTION_CONFLICT", `option "${given}" needs delivery = 'exactly_once'`, {
      place: options.placeOf(given),
    });
  }
  return {
    progressSubject: options.pullOptionalString("exactly_once.progress_subject"),
    soleWriter: options.pullBool("sink.sole_writer"),
  };
}

function publishing(options: ConnectorOptions): {
  readonly delivery: string | undefined;
  readonly [field: string]: unknown;
} {
  return {
    subject: options.pullString("subject"),
    delivery: options.pullChoice("delivery", ["at_least_once", "exactly_once", "at_most_once"]),
    headers: Object.fromEntries(options.pullFamily("header.")),
    lineage: options.pullBool("lineage"),
    maxInFlight: options.pullInt("publish.max_in_flight", { min: 1 }),
    maxInFlightBytes: options.pullBytes("publish.max_in_flight_bytes"),
  };
}
