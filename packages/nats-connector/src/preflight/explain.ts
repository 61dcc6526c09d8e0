import type { Explanation, JsonObject } from "@x/connector-api";
import { planOf } from "./exactly-once-rules.js";
import { explainConsumers } from "./explain-consumers.js";
import type { CoreSinkFacts, Facts, JetStreamSinkFacts, SideFacts, SinkFacts, SourceFacts } from "./facts.js";
import { cannotTellGaps } from "./position-rules.js";
import { promiseOf } from "./promise.js";

/** What a run would do, by the same facts as the rules. Pure; throws what a start would throw. */
export function explainFacts(facts: Facts): Explanation {
  const { source, sink } = facts;
  return {
    promise: promiseOf(facts),
    ...(source === undefined ? {} : { source: explainSource(source, facts) }),
    ...(sink === undefined ? {} : { sink: explainSink(sink, facts) }),
    notes: notesOn(facts),
  };
}

function explainSource(source: SourceFacts, facts: Facts): JsonObject {
  const { table } = source;
  if (source.kind === "core-source") {
    const { subject, queueGroup, maxBufferedMessages, maxBufferedBytes, onOverflow } = source.table;
    return {
      reads: `Core subject ${subject}`,
      ...(queueGroup === undefined ? {} : { queueGroup }),
      buffer: { messages: maxBufferedMessages, bytes: maxBufferedBytes, onOverflow },
      ...around(source),
    };
  }
  const { stream } = source;
  if (stream === undefined) return { reads: `stream ${source.table.stream}, which does not exist`, ...around(source) };
  const { maxBatch, maxBytes, maxExpiresMs } = source.table;
  return {
    reads: `stream ${source.table.stream} (${stream.config.retention} retention, ${stream.config.num_replicas} replicas)`,
    consumers: explainConsumers({ ...source, stream }, facts),
    pulls: { outstanding: 2, messages: maxBatch, bytes: maxBytes, expiresMs: maxExpiresMs },
    ...(source.rateLimit === undefined ? {} : { messagesPerSecond: source.rateLimit }),
    onGap: table.type === "jetstream-source" ? table.onGap : "",
    ...around(source),
  };
}

function explainSink(sink: SinkFacts, facts: Facts): JsonObject {
  const { maxInFlight, maxInFlightBytes } = sink.table;
  return {
    writes:
      sink.kind === "core-sink"
        ? `Core subject ${sink.pattern}`
        : `stream ${sink.table.stream}, subject ${sink.pattern}`,
    publish: sink.kind === "core-sink" ? explainCore(sink) : explainStream(sink, facts),
    inFlight: { messages: maxInFlight, bytes: maxInFlightBytes },
    ...around(sink),
  };
}

function explainCore({ table }: CoreSinkFacts): JsonObject {
  if (table.delivery === "at_most_once") return { mode: "published once, never again" };
  return { mode: "published, and confirmed by a flush; again after a lost connection" };
}

function explainStream(sink: JetStreamSinkFacts, facts: Facts): JsonObject {
  const { table, stream } = sink;
  if (table.delivery === "at_most_once") return { mode: "published once, never again" };
  if (table.delivery === "at_least_once") {
    return {
      mode: "published with acknowledgements; again, in order, what was not acknowledged",
      ackTimeoutMs: table.ackTimeoutMs,
      ...(table.messageId === undefined ? {} : { messageId: table.messageId }),
    };
  }
  if (stream === undefined) return { mode: "exactly once, into a stream that does not exist" };
  const plan = planOf({ ...sink, stream }, facts);
  if (plan.mode === undefined) {
    return { mode: "exactly once is not possible", reasons: [...plan.reasons], remedies: [...plan.remedies] };
  }
  return {
    mode: `exactly once, ${plan.mode}: ${plan.because}`,
    progress: Object.fromEntries(plan.progress),
    notes: [...plan.notes],
  };
}

/** What every side has: the format's policy for bad data, the server, and what its user must be allowed. */
function around({ system, badData, needed }: SideFacts): JsonObject {
  return {
    badData: badData.behavior === "dead_letter" ? `dead letters to ${badData.subject}` : badData.behavior,
    server: `nats-server ${system.capabilities.version}`,
    permissions: { publish: [...needed.publish], subscribe: [...needed.subscribe] },
  };
}

function notesOn({ source, sink, pipeline }: Facts): readonly string[] {
  const notes: string[] = [];
  if (source?.kind === "core-source")
    notes.push("what is published while nobody listens is gone, whatever the sink promises");
  if (source?.kind === "jetstream-source" && source.stream && cannotTellGaps(source.stream, source.table)) {
    notes.push("with filters and this retention on_gap does not see what limits or a purge remove unread");
  }
  if (sink?.table.delivery === "at_least_once") {
    notes.push("after a crash the rows since the last checkpoint are written again");
  }
  if (!pipeline.durableState) notes.push("the state is kept in memory: each start begins anew");
  return notes;
}
