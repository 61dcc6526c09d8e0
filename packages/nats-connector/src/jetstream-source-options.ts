import { ConnectorError, type ConnectorOptions } from "@x/connector-api";

const deliverPolicies = ["all", "new", "last", "last_per_subject", "by_start_sequence", "by_start_time"] as const;
const partitioning = ["partitions", "partition.token", "partition.filters"] as const;
const noMove = "one process cannot move the consumer that others read from; use 'skip' or 'earliest'";

/** Pulls what a JetStream source has beside its stream, as `jetstream-source-table.ts` stores it. */
export function streamReading(options: ConnectorOptions): object {
  const ordering = options.pullChoice("ordering", ["split", "none"]);
  if (ordering === "none") refuseWithoutOrder(options);
  return {
    ordering,
    partition: partitionFrom(options),
    deliver: deliverFrom(options),
    onGap: options.pullChoice("on_gap", ["fail", "skip", "earliest", "latest"]),
    filterSubjects: options.pullList("consumer.filter_subjects"),
    ackPolicy: options.pullChoice("consumer.ack_policy", ["auto", "none", "all", "explicit"]),
    replayPolicy: options.pullChoice("consumer.replay_policy", ["instant", "original"]),
    description: options.pullOptionalString("consumer.description"),
    ackWaitMs: options.pullDuration("consumer.ack_wait"),
    inactiveThresholdMs: options.pullDuration("consumer.inactive_threshold"),
    numReplicas: options.pullInt("consumer.num_replicas", { min: 1, max: 5 }),
    sampleFrequency: options.pullInt("consumer.sample_frequency", { min: 0, max: 100 }),
    maxAckPending: unlimited(options, "consumer.max_ack_pending"),
    maxDeliver: unlimited(options, "consumer.max_deliver"),
    maxWaiting: options.pullInt("consumer.max_waiting", { min: 2 }),
    maxBatch: options.pullInt("consumer.max_batch", { min: 1, max: 100_000 }),
    maxBytes: options.pullBytes("consumer.max_bytes"),
    maxExpiresMs: options.pullDuration("consumer.max_expires"),
  };
}

/** A number from 1; undefined for −1, which means none. */
function unlimited(options: ConnectorOptions, name: string): number | undefined {
  const value = options.pullInt(name, { min: -1 });
  if (value === undefined || value === -1) return undefined;
  if (value > 0) return value;
  throw new ConnectorError("OPTION_INVALID", `option "${name}": expected a number above 0, or -1 for none, got 0`, {
    place: options.placeOf(name),
  });
}

/** One consumer for all has neither splits nor an order to ack in. */
function refuseWithoutOrder(options: ConnectorOptions): void {
  const name = partitioning.find((each) => options.has(each));
  if (name !== undefined) throw conflict(options, name, `option "${name}" needs ordering = 'split'`);
  if (options.pullChoice("on_gap", ["fail", "skip", "earliest", "latest"]) === "latest") {
    throw conflict(options, "on_gap", `on_gap = 'latest' needs ordering = 'split': ${noMove}`);
  }
  const policy = options.pullChoice("consumer.ack_policy", ["auto", "none", "all", "explicit"]) ?? "auto";
  if (policy === "auto" || policy === "explicit") return;
  const text = `consumer.ack_policy = '${policy}' needs ordering = 'split'; without an order each message is acked by itself`;
  throw conflict(options, "consumer.ack_policy", text);
}

function partitionFrom(options: ConnectorOptions): object | undefined {
  const count = options.pullInt("partitions", { min: 1 });
  const token = options.pullInt("partition.token", { min: 1 });
  const filters = options.pullList("partition.filters");
  options.exclusive(["partition.token", "partition.filters"]);
  options.exclusive(["partition.filters", "consumer.filter_subjects"]);
  if (filters !== undefined) {
    if (count === undefined || count === filters.length) return { by: "filters", filters };
    throw conflict(options, "partitions", `partitions = ${count}, but partition.filters has ${filters.length}`);
  }
  if (token !== undefined) {
    if (count !== undefined) return { by: "token", count, token };
    throw new ConnectorError(
      "OPTION_MISSING",
      'option "partition.token" needs "partitions", the number of partitions',
      {
        place: options.placeOf("partition.token"),
        context: { option: "partitions" },
      },
    );
  }
  if (count === undefined || count === 1) return undefined;
  if (!options.has("consumer.filter_subjects")) return { by: "transform", count };
  const text =
    "partitions by the stream's transform cover all of it; with consumer.filter_subjects give partition.token";
  throw conflict(options, "consumer.filter_subjects", text);
}

function deliverFrom(options: ConnectorOptions): object | undefined {
  const policy = options.pullChoice("deliver_policy", deliverPolicies);
  const applies = (name: string, to: string): void => {
    if (!options.has(name) || policy === to) return;
    throw conflict(options, name, `option "${name}" needs deliver_policy = '${to}'`);
  };
  applies("start_sequence", "by_start_sequence");
  applies("start_time", "by_start_time");
  if (policy === undefined) return undefined;
  if (policy === "by_start_sequence") {
    options.pullString("start_sequence");
    return { policy, startSequence: options.pullInt("start_sequence", { min: 1 }) };
  }
  if (policy === "by_start_time") return { policy, startTime: options.pullString("start_time") };
  return { policy };
}

function conflict(options: ConnectorOptions, name: string, text: string): ConnectorError {
  return new ConnectorError("OPTION_CONFLICT", text, { place: options.placeOf(name) });
}
