import { isConnectorError } from "@x/connector-api";
import { limitsFor } from "../capabilities.js";
import { checkFilter, subjectsOverlap } from "../connection-test/filter-overlap.js";
import type { ConsumerInfo } from "../jetstream/api.js";
import type { AckMode } from "../jetstream/position.js";
import { checkReplicas } from "../source/plan-consumer.js";
import { resolveAckMode } from "../source/resolve-ack-mode.js";
import type { JetStreamSourceFacts } from "./facts.js";
import { type Breach, ofSourceStream, type Rule, type WithStream } from "./rule.js";

/** Rules about the consumer that a start would create, and about those that are there. */
export const consumerRules: readonly Rule[] = [
  {
    id: "ack-policy-unsound",
    side: "source",
    severity: "error",
    explanation: "With this retention such acks would remove messages that were not checkpointed, or none at all.",
    breach: ofSourceStream((source) => refusalOf(() => void ackModeOf(source), "use consumer.ack_policy = 'auto'")),
  },
  {
    id: "ack-wait-below-checkpoint",
    side: "source",
    severity: "error",
    explanation:
      "Acks wait for a durable checkpoint. The server delivers again what it has waited for longer than ack_wait, so every message comes again and again.",
    breach: ofSourceStream((source, { pipeline }) => {
      const { ackWaitMs } = source.table;
      if (ackWaitMs === undefined || source.table.ordering === "none" || !isAcking(source)) return undefined;
      if (ackWaitMs > 3 * pipeline.checkpointIntervalMs) return undefined;
      return {
        message: `consumer.ack_wait is ${ackWaitMs} ms and acks follow every ${pipeline.checkpointIntervalMs} ms at best`,
        remedy: "leave consumer.ack_wait out (24h), or checkpoint more often",
        ...(ackWaitMs > pipeline.checkpointIntervalMs ? { severity: "warning" } : {}),
      };
    }),
  },
  {
    id: "ack-window-small",
    side: "source",
    severity: "warning",
    explanation:
      "The server stops delivering when so many messages wait for their ack, which comes with the checkpoint: the limit is a limit of messages per checkpoint.",
    breach: ofSourceStream((source, { pipeline }) => {
      const { stream, system, table } = source;
      if (!isAcking(source)) return undefined;
      const ofStream = stream.config.consumer_limits?.max_ack_pending;
      const ofAccount = system.account && limitsFor(system.account, stream.config.num_replicas);
      const caps = [table.maxAckPending, ofStream, ofAccount?.max_ack_pending];
      const cap = Math.min(...caps.map((each) => (each === undefined || each <= 0 ? Number.POSITIVE_INFINITY : each)));
      if (cap >= 4 * table.maxBatch) return undefined;
      const perSecond = Math.round(cap / (pipeline.checkpointIntervalMs / 1000));
      return {
        message: `the server allows ${cap} unacked messages on stream "${stream.config.name}": at most ${perSecond} rows per second with a checkpoint every ${pipeline.checkpointIntervalMs} ms`,
        remedy: "raise max_ack_pending in the stream's or the account's consumer limits, or checkpoint more often",
      };
    }),
  },
  {
    id: "max-deliver-gives-up",
    side: "source",
    severity: "warning",
    explanation: "The server gives up a message that was delivered so often and not acked: it is never written.",
    breach: ofSourceStream((source) => {
      const { maxDeliver, onGap } = source.table;
      if (maxDeliver === undefined || !isAcking(source)) return undefined;
      const message = `consumer.max_deliver is ${maxDeliver}, and on_gap is '${onGap}'`;
      const remedy =
        "leave consumer.max_deliver out, or capture $JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.> in a stream, from which dlq redrive sends them back";
      return { message, remedy, ...(onGap === "fail" ? {} : { severity: "error" }) };
    }),
  },
  {
    id: "work-queue-start",
    side: "source",
    severity: "error",
    explanation:
      "A work queue is the set of what is not acked: servers let it be read from its beginning only (10101).",
    breach: ofSourceStream(({ stream, table }) => {
      if (stream.config.retention !== "workqueue" || table.deliver.policy === "all") return undefined;
      const message = `deliver_policy is '${table.deliver.policy}' and stream "${stream.config.name}" is a work queue`;
      return { message, remedy: "leave deliver_policy out" };
    }),
  },
  {
    id: "work-queue-shared",
    side: "source",
    severity: "error",
    explanation: "Each message of a work queue goes to one consumer: a second reader of the same subjects is refused.",
    breach: ofSourceStream((source, { pipeline: { beside } }) => {
      const { stream, table } = source;
      if (stream.config.retention !== "workqueue") return undefined;
      const mine = table.filterSubjects.length === 0 ? [">"] : table.filterSubjects;
      const twin = beside.find(({ source: other }) => {
        if (other?.type !== "jetstream-source" || other.stream !== table.stream) return false;
        const theirs = other.filterSubjects.length === 0 ? [">"] : other.filterSubjects;
        return theirs.some((filter) => mine.some((each) => subjectsOverlap(each, filter)));
      });
      if (twin !== undefined) {
        const message = `pipeline "${twin.name}" of the same file reads the same messages of work queue "${table.stream}"`;
        return {
          message,
          remedy: "read a work queue in one statement, or give both disjoint consumer.filter_subjects",
        };
      }
      const rival = strangersOf(source).find((other) =>
        filtersOf(other).some((filter) => mine.some((each) => subjectsOverlap(each, filter))),
      );
      if (rival === undefined) return undefined;
      const message = `consumer "${rival.name}" reads the same messages of work queue "${stream.config.name}"`;
      return { message, remedy: "remove that consumer, or give both sides disjoint consumer.filter_subjects" };
    }),
  },
  {
    id: "interest-not-held",
    side: "source",
    severity: "warning",
    explanation:
      "A stream with interest retention keeps only what a consumer that exists at that moment has not acked.",
    breach: ofSourceStream(({ stream, positions, consumers }) => {
      const { retention, name } = stream.config;
      if (retention !== "interest" || consumers === undefined || consumers.some(({ own }) => own)) return undefined;
      if (positions.length === 0) {
        const message = `this pipeline has no consumer on stream "${name}" yet: what is published before its first start may not be kept`;
        return { message, remedy: "start the pipeline before the producers", severity: "note" };
      }
      const message = `the consumer of this pipeline on stream "${name}" is gone: messages published since may not have been kept`;
      return { message, remedy: "start the pipeline now; use limits retention where nothing may be missed" };
    }),
  },
  {
    id: "consumer-replicas",
    side: "source",
    severity: "error",
    explanation:
      "On interest and work-queue streams a consumer decides what is removed, so it must be as safe as they.",
    breach: ofSourceStream(({ stream, table }) =>
      refusalOf(() => checkReplicas(table, stream), "leave consumer.num_replicas out"),
    ),
  },
  {
    id: "consumer-limit",
    side: "source",
    severity: "error",
    explanation:
      "The server refuses one consumer too many; with interest retention a new one is made before the old one goes.",
    breach: ofSourceStream(({ stream, system, consumers }) => {
      const { max_consumers: own = -1, name, retention } = stream.config;
      const { consumer_count: count } = stream.state;
      const outdated = consumers?.filter((each) => each.own).length ?? 0;
      // Elsewhere the old one goes first where there is no room; with interest retention the next one always comes first.
      const isInterest = retention === "interest";
      const others = isInterest ? count : count - outdated;
      const needed = isInterest && outdated === 0 ? 2 : 1;
      const remedy = "raise max_consumers, or remove consumers that nobody uses";
      const more = needed === 2 ? ": each split needs two of them, because one takes over from another" : "";
      const breach = (owner: string, most: number): Breach | undefined => {
        if (most <= 0 || others + needed <= most) return undefined;
        return { message: `stream "${name}" has ${count} consumers and ${owner}allows ${most}${more}`, remedy };
      };
      const account = system.account && limitsFor(system.account, stream.config.num_replicas);
      return breach("", own) ?? breach("the account ", account?.max_consumers ?? -1);
    }),
  },
  {
    id: "filter-matches-nothing",
    side: "source",
    severity: "error",
    explanation:
      "Servers before 2.10 refuse such a filter; later ones take it and wait for subjects that the stream may get.",
    breach: ofSourceStream(({ stream, table, system: { capabilities } }) => {
      const check = (): void => table.filterSubjects.forEach((filter) => void checkFilter(filter, stream));
      const breach = refusalOf(check, "correct consumer.filter_subjects or the stream's subjects");
      return breach && { ...breach, ...(capabilities.severalFilters ? { severity: "warning" as const } : {}) };
    }),
  },
  {
    id: "several-filters-unsupported",
    side: "source",
    severity: "error",
    explanation: "Servers before 2.10 drop the list of filters without a word and deliver the whole stream.",
    breach: ofSourceStream(({ table, system: { capabilities } }) => {
      if (table.filterSubjects.length < 2 || capabilities.severalFilters) return undefined;
      const message = `consumer.filter_subjects has ${table.filterSubjects.length} filters and the server is ${capabilities.version}`;
      return { message, remedy: "use one filter, or nats-server 2.10 or newer" };
    }),
  },
];

/** How the consumer would ack. Throws CONSUMER_REFUSED. */
export function ackModeOf({ table, stream, system }: WithStream<JetStreamSourceFacts>): AckMode {
  return resolveAckMode(table, stream, system.capabilities);
}

function isAcking(source: WithStream<JetStreamSourceFacts>): boolean {
  try {
    return ackModeOf(source) !== "none";
  } catch {
    return false;
  }
}

/** What a start would throw, as a breach. */
function refusalOf(check: () => void, remedy: string): Breach | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    return { message: error.message, remedy };
  }
}

function strangersOf({ consumers = [] }: JetStreamSourceFacts): readonly ConsumerInfo[] {
  return consumers.filter(({ own }) => !own).map(({ info }) => info);
}

function filtersOf({ config: { filter_subjects: several, filter_subject: one } }: ConsumerInfo): readonly string[] {
  if (several !== undefined && several.length > 0) return several;
  return one === undefined || one === "" ? [">"] : [one];
}
