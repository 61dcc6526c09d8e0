import type { StreamInfo } from "../jetstream/api.js";
import type { JetStreamSourceTable } from "../table-config.js";
import { msOf, ofSourceStream, ofStreamSource, type Rule } from "./rule.js";

/** Rules about where a start would begin and whether everything from there on is, and stays, in the stream. */
export const positionRules: readonly Rule[] = [
  {
    id: "source-stream-missing",
    side: "source",
    severity: "error",
    explanation: "A source never creates its stream; a start without it ends at once with exit code 2.",
    breach: ofStreamSource(({ stream, table }) =>
      stream === undefined
        ? { message: `stream "${table.stream}" does not exist`, remedy: "create it, or correct the option stream" }
        : undefined,
    ),
  },
  {
    id: "state-of-another-stream",
    side: "source",
    severity: "error",
    explanation: "The checkpoint under this pipeline's name was made while it read another stream.",
    breach: ofStreamSource(({ table, positions }) => {
      const other = positions.find(({ stream }) => stream !== table.stream);
      if (other === undefined) return undefined;
      const message = `the state is about stream "${other.stream}" and the table reads "${table.stream}"`;
      return { message, remedy: "give the pipeline another --name, or another --state" };
    }),
  },
  {
    id: "stream-replaced",
    side: "source",
    severity: "error",
    explanation: "The position of the checkpoint belongs to another stream, so nothing can be said of what was read.",
    breach: ofSourceStream(({ stream, positions, storedAtPosition }) => {
      const remedy = "bring the old stream back, start under a new --name, or rewind the checkpoint";
      for (const { lastSeq, lastTs, created, stream: readFrom } of positions) {
        const { last_seq } = stream.state;
        if (readFrom !== stream.config.name) continue;
        const name = `stream "${stream.config.name}"`;
        if (last_seq < lastSeq) {
          return { message: `${name} ends at ${last_seq}, but ${lastSeq} was read from it`, remedy };
        }
        const proof = lastTs === undefined ? undefined : storedAtPosition;
        if (proof === undefined ? created !== stream.created : proof !== lastTs) {
          return { message: `${name} is not the one that was read up to ${lastSeq}: it was recreated`, remedy };
        }
      }
      return undefined;
    }),
  },
  {
    id: "position-gone",
    side: "source",
    severity: "error",
    explanation: "Messages between the checkpoint and the beginning of the stream were removed before they were read.",
    breach: ofSourceStream(({ stream, positions, table }) => {
      if ((stream.config.max_msgs_per_subject ?? -1) > 0 || cannotTellGaps(stream, table)) return undefined;
      const from = Math.min(...positions.map(({ lastSeq, scannedSeq }) => Math.max(lastSeq, scannedSeq) + 1));
      const { first_seq: first } = stream.state;
      if (positions.length === 0 || first <= from) return undefined;
      const maybe = table.filterSubjects.length > 0;
      return {
        message: `messages ${from} to ${first - 1} of stream "${stream.config.name}" are gone${maybe ? ", among which may be some for this source" : ""}`,
        remedy: `accept the loss with "checkpoint rewind FILE --to-seq ${first} --skip", or start under a new --name; keep messages longer than the pipeline may be away`,
        ...(maybe || table.onGap !== "fail" ? { severity: "warning" } : {}),
      };
    }),
  },
  {
    id: "retention-outruns-reader",
    side: "source",
    severity: "warning",
    explanation: "The stream removes messages by age, read or not: what lies unread for too long is lost.",
    breach: ofSourceStream(({ stream, next }, { pipeline, nowMs }) => {
      const maxAgeMs = msOf(stream.config.max_age);
      if (maxAgeMs === 0) return undefined;
      const name = `stream "${stream.config.name}"`;
      const remedy = "raise max_age of the stream, or keep the pipeline running and fast enough";
      if (maxAgeMs <= pipeline.recoveryMs + pipeline.checkpointIntervalMs) {
        const message = `${name} keeps messages for ${seconds(maxAgeMs)}, no longer than the pipeline may be away (${seconds(pipeline.recoveryMs)})`;
        return { message, remedy, severity: "error" };
      }
      if (next === undefined) return undefined;
      const ageMs = nowMs - next.storedAtMs;
      if (ageMs + pipeline.recoveryMs < maxAgeMs * 0.8) return undefined;
      return {
        message: `the next message (${next.seq}) is ${seconds(ageMs)} old and ${name} keeps messages for ${seconds(maxAgeMs)}`,
        remedy,
      };
    }),
  },
  {
    id: "size-limit-outruns-reader",
    side: "source",
    severity: "warning",
    explanation: "The stream is full and removes its oldest message for each new one, read or not.",
    breach: ofSourceStream(({ stream, next }, { pipeline }) => {
      const { max_msgs: maxMessages = -1, max_bytes: maxBytes = -1, discard, name } = stream.config;
      const { messages, bytes, first_seq: first, last_seq: last } = stream.state;
      if (discard === "new" || messages === 0) return undefined;
      const full = Math.max(
        maxMessages > 0 ? messages / maxMessages : 0,
        maxBytes > 0 ? (bytes + bytes / messages) / maxBytes : 0,
      );
      if (full < 0.95) return undefined;
      const headroom = (next?.seq ?? last + 1) - first;
      const perSecond = arrivalRate(stream.state);
      if (perSecond === undefined || headroom / perSecond > (pipeline.recoveryMs / 1000) * 2) return undefined;
      return {
        message: `stream "${name}" is full and the next message to read is ${headroom} messages from its end; about ${perSecond.toFixed(1)} arrive per second`,
        remedy: "raise max_msgs or max_bytes of the stream, or read faster",
      };
    }),
  },
  {
    id: "rate-limit-below-inflow",
    side: "source",
    severity: "warning",
    explanation: "With a limit below what arrives the lag grows until the stream removes what was not read.",
    breach: ofSourceStream(({ stream, rateLimit }) => {
      const perSecond = arrivalRate(stream.state);
      if (rateLimit === undefined || perSecond === undefined || perSecond <= rateLimit) return undefined;
      return {
        message: `about ${perSecond.toFixed(1)} messages per second arrive in stream "${stream.config.name}", and at most ${rateLimit} are read`,
        remedy: "raise or remove rate_limit.messages_per_second",
      };
    }),
  },
  {
    id: "superseded-before-read",
    side: "source",
    severity: "warning",
    explanation: "The stream keeps a number of messages per subject: older ones go, read or not, and that is no gap.",
    breach: ofSourceStream(({ stream }) => {
      const { max_msgs_per_subject: perSubject = -1, name } = stream.config;
      if (perSubject <= 0) return undefined;
      const message = `stream "${name}" keeps ${perSubject} message${perSubject === 1 ? "" : "s"} per subject`;
      return { message, remedy: "remove max_msgs_per_subject where every message counts" };
    }),
  },
  {
    id: "gaps-untold",
    side: "source",
    severity: "note",
    explanation:
      "Where acks remove messages, what others have read goes from between, so a filtered reader cannot tell a loss by the sequence.",
    breach: ofSourceStream(({ stream, table }) => {
      if (!cannotTellGaps(stream, table)) return undefined;
      const { name, retention } = stream.config;
      const limits = limitsOf(stream);
      const cause = limits.length === 0 ? "a purge" : `${limits.join(", ")} or a purge`;
      const message = `the table reads a part of stream "${name}" (${retention} retention): on_gap does not see what ${cause} removes unread`;
      const remedy = "read the whole stream, or use limits retention, where losses have to be told";
      return { message, remedy, ...(limits.length === 0 ? {} : { severity: "warning" }) };
    }),
  },
  {
    id: "start-beyond-end",
    side: "source",
    severity: "error",
    explanation: "Servers differ in what they do with a start behind the end; a start is refused.",
    breach: ofSourceStream(({ stream, table, positions }) => {
      if (positions.length > 0 || table.deliver.policy !== "by_start_sequence") return undefined;
      const { last_seq: last } = stream.state;
      if (table.deliver.startSequence <= last + 1) return undefined;
      return {
        message: `start_sequence is ${table.deliver.startSequence} and stream "${stream.config.name}" ends at ${last}`,
        remedy: `use a start_sequence up to ${last + 1}, or deliver_policy = 'new'`,
      };
    }),
  },
  {
    id: "start-skips-messages",
    side: "source",
    severity: "note",
    explanation: "A first start begins where deliver_policy says; what lies before is never read.",
    breach: ofSourceStream(({ stream, table, next, positions }) => {
      const { first_seq: first, messages } = stream.state;
      if (positions.length > 0 || messages === 0) return undefined;
      const name = `stream "${stream.config.name}"`;
      const remedy = "use deliver_policy = 'all' to read everything that is there";
      if (table.deliver.policy === "new") return { message: `nothing that ${name} holds now will be read`, remedy };
      if (next === undefined) return undefined;
      if (next.seq > first) return { message: `reading begins at ${next.seq}; ${name} begins at ${first}`, remedy };
      if (first <= 1) return undefined;
      const gone = `messages before ${first} are gone from ${name} already`;
      return { message: gone, remedy: "none: a first start takes what is there" };
    }),
  },
];

/** Whether the messages between two that were read may have gone for a good reason. */
export function cannotTellGaps({ config }: StreamInfo, table: JetStreamSourceTable): boolean {
  return config.retention !== "limits" && (table.filterSubjects.length > 0 || table.partition !== undefined);
}

/** Limits that remove what nobody has read. */
function limitsOf({ config }: StreamInfo): readonly string[] {
  const { max_age = 0, max_msgs = -1, max_bytes = -1, discard, allow_msg_ttl } = config;
  const removesOld = discard !== "new";
  return [
    ...(max_age > 0 ? ["max_age"] : []),
    ...(removesOld && max_msgs > 0 ? ["max_msgs"] : []),
    ...(removesOld && max_bytes > 0 ? ["max_bytes"] : []),
    ...(allow_msg_ttl === true ? ["the messages' own TTL"] : []),
  ];
}

const seconds = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`);

/** Messages per second on the average of what the stream holds; undefined when that says nothing. */
function arrivalRate(state: {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly first_ts?: string;
  readonly last_ts?: string;
}): number | undefined {
  const { first_seq: first, last_seq: last, first_ts: from, last_ts: to } = state;
  if (from === undefined || to === undefined || last - first < 10) return undefined;
  const spanMs = Date.parse(to) - Date.parse(from);
  return spanMs >= 1000 ? (last - first) / (spanMs / 1000) : undefined;
}
