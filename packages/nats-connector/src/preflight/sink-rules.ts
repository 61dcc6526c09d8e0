import { coversSubject } from "../sink/subject-match.js";
import { headersNotTaken } from "../sink/target-stream.js";
import { msOf, ofSinkStream, ofStreamSink, type Rule } from "./rule.js";

/** Rules about the destination: whether what is acknowledged there is stored, and stays. */
export const sinkRules: readonly Rule[] = [
  {
    id: "sink-stream-missing",
    side: "sink",
    severity: "error",
    explanation: "A sink never creates its stream unless it is told to; a start without it ends with exit code 2.",
    breach: ofStreamSink(({ stream, table, pattern }) =>
      stream === undefined
        ? {
            message: `stream "${table.stream}" does not exist`,
            remedy: `create it with a subject that captures "${pattern}", or run with --create-streams`,
          }
        : undefined,
    ),
  },
  {
    id: "sink-stream-read-only",
    side: "sink",
    severity: "error",
    explanation: "A mirror has the messages of another stream alone and a sealed stream takes none.",
    breach: ofSinkStream(({ stream }) => {
      const { mirror, sealed, name } = stream.config;
      if (mirror === undefined && sealed !== true) return undefined;
      const message = `stream "${name}" is ${mirror === undefined ? "sealed" : "a mirror"} and takes no messages`;
      return { message, remedy: "publish into another stream" };
    }),
  },
  {
    id: "sink-subject-not-captured",
    side: "sink",
    severity: "error",
    explanation: "What no stream captures is never acknowledged; what another stream captures is not where it belongs.",
    breach: ofSinkStream(({ stream, pattern }) => {
      const { subjects = [], mirror, name } = stream.config;
      if (mirror !== undefined || subjects.some((each) => coversSubject(each, pattern))) return undefined;
      return {
        message: `stream "${name}" captures ${subjects.map((each) => `"${each}"`).join(", ") || "no subject"}, not every subject of "${pattern}"`,
        remedy: "add the subject to the stream's subjects, or change subject",
      };
    }),
  },
  {
    id: "sink-without-acks",
    side: "sink",
    severity: "error",
    explanation: "Without acknowledgements from the stream no row ever counts as delivered.",
    breach: ofSinkStream(({ stream, table }) => {
      if (stream.config.no_ack !== true || table.delivery === "at_most_once") return undefined;
      const message = `stream "${stream.config.name}" does not acknowledge publishes (no_ack)`;
      return { message, remedy: "turn no_ack off, or use delivery = 'at_most_once'" };
    }),
  },
  {
    id: "sink-header-not-taken",
    side: "sink",
    severity: "error",
    explanation: "A stream refuses a header it would have to act on and is not set to; a start ends with exit code 2.",
    breach: ofSinkStream(({ stream, table }) => {
      const [untaken] = headersNotTaken(stream.config, table.headers);
      if (untaken === undefined) return undefined;
      const { name, setting } = untaken;
      const message = `stream "${stream.config.name}" does not set ${setting}, which header.${name} needs`;
      return { message, remedy: `set ${setting} on the stream, or leave the header out` };
    }),
  },
  {
    id: "sink-interest-unheld",
    side: "sink",
    severity: "warning",
    explanation: "A stream with interest retention acknowledges a message and drops it when no consumer wants it.",
    breach: ofSinkStream(({ stream }) => {
      const { retention, name } = stream.config;
      if (retention !== "interest" || stream.state.consumer_count > 0) return undefined;
      const message = `stream "${name}" has interest retention and no consumer: it keeps nothing`;
      return { message, remedy: "make the consumer first, or use limits retention" };
    }),
  },
  {
    id: "sink-discards-new",
    side: "sink",
    severity: "warning",
    explanation: "A full stream that discards new messages refuses them: the pipeline waits until there is room.",
    breach: ofSinkStream(({ stream }) => {
      const { discard, max_msgs: messages = -1, max_bytes: bytes = -1, name } = stream.config;
      if (discard !== "new" || (messages <= 0 && bytes <= 0)) return undefined;
      const limits = [messages > 0 ? `${messages} messages` : "", bytes > 0 ? `${bytes} bytes` : ""].filter(Boolean);
      const message = `stream "${name}" takes nothing more at ${limits.join(" or ")} (discard = new)`;
      return { message, remedy: "see that somebody removes what was read, or use discard = old" };
    }),
  },
  {
    id: "sink-replaces-rows",
    side: "sink",
    severity: "warning",
    explanation: "The stream keeps a number of messages per subject and drops the older ones, delivered or not.",
    breach: ofSinkStream(({ stream, pattern }) => {
      const { max_msgs_per_subject: kept = -1, name } = stream.config;
      if (kept <= 0) return undefined;
      const message = `stream "${name}" keeps ${kept} message${kept === 1 ? "" : "s"} for each subject of "${pattern}"`;
      return { message, remedy: "remove max_msgs_per_subject where every row counts" };
    }),
  },
  {
    id: "sink-message-limit",
    side: "sink",
    severity: "note",
    explanation: "A row that makes a longer message is bad data: bad_data decides what happens to it.",
    breach: ofSinkStream(({ stream, system }) => {
      const { max_msg_size: limit = -1, name } = stream.config;
      if (limit <= 0 || limit >= system.maxPayload) return undefined;
      const message = `stream "${name}" takes messages of up to ${limit} bytes, the server up to ${system.maxPayload}`;
      return { message, remedy: "raise max_msg_size of the stream if rows may be longer" };
    }),
  },
  {
    id: "duplicate-window-short",
    side: "sink",
    severity: "warning",
    explanation:
      "After a crash the rows since the last checkpoint are published again; the stream knows their message ids only within its duplicate window.",
    breach: ofSinkStream(({ stream, table }, { pipeline }) => {
      if (table.messageId === undefined || table.delivery !== "at_least_once") return undefined;
      const windowMs = msOf(stream.config.duplicate_window);
      const neededMs = pipeline.recoveryMs + pipeline.checkpointIntervalMs + table.ackTimeoutMs;
      if (windowMs >= neededMs) return undefined;
      return {
        message: `stream "${stream.config.name}" knows message ids for ${windowMs} ms, and a recovery may take ${neededMs} ms`,
        remedy: `raise its duplicate_window to ${Math.ceil(neededMs / 1000)}s or more`,
      };
    }),
  },
  {
    id: "duplicates-possible",
    side: "sink",
    severity: "note",
    explanation: "At least once: what was published after the last checkpoint of a crash is published again.",
    breach: ofStreamSink(({ table }) =>
      table.messageId === undefined && table.delivery === "at_least_once"
        ? {
            message: "rows have no message id, so the stream stores a repeated row twice",
            remedy: "give message_id = '{column}' with a column that tells rows apart",
          }
        : undefined,
    ),
  },
  {
    id: "core-publish-into-stream",
    side: "sink",
    severity: "error",
    explanation: "A server may drop Core publishes into a stream without a sign, also when every flush was answered.",
    breach: ({ sink }) => {
      if (sink?.kind !== "core-sink" || sink.capturedBy === undefined || sink.capturedBy.length === 0) return undefined;
      const names = sink.capturedBy.map((name) => `"${name}"`).join(", ");
      return {
        message: `stream ${names} captures "${sink.pattern}", and the table publishes without acknowledgements`,
        remedy: `give stream = '${sink.capturedBy[0]}' to the table`,
        ...(sink.table.delivery === "at_most_once" ? { severity: "warning" } : {}),
      };
    },
  },
  {
    id: "at-most-once-chosen",
    side: "sink",
    severity: "note",
    explanation: "Nothing is published again: what is lost on the way is lost.",
    breach: ({ sink }) =>
      sink?.table.delivery === "at_most_once"
        ? { message: "delivery is 'at_most_once'", remedy: "leave delivery out where no row may be lost" }
        : undefined,
  },
];
