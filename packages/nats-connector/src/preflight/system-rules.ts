import { comparesSafely } from "../capabilities.js";
import { coversSubject } from "../sink/subject-match.js";
import { ofEachSide, ofEachStream, type Rule } from "./rule.js";

/** Rules about the pipeline as a whole and the servers under it. */
export const systemRules: readonly Rule[] = [
  {
    id: "output-feeds-input",
    side: "pipeline",
    severity: "error",
    explanation: "Each row would come back as a new message and become a row again, without end.",
    breach: ({ source, sink, sameSystem }) => {
      if (source === undefined || sink === undefined || !sameSystem) return undefined;
      const { pattern } = sink;
      const overlaps = (subjects: readonly string[]): boolean =>
        subjects.some((each) => coversSubject(each, pattern) || coversSubject(pattern, each));
      const reads =
        source.kind === "core-source"
          ? overlaps([source.table.subject])
          : overlaps(source.stream?.config.subjects ?? []) &&
            (source.table.filterSubjects.length === 0 || overlaps(source.table.filterSubjects));
      if (!reads) return undefined;
      const message = `table "${source.name}" reads what table "${sink.name}" publishes to "${pattern}"`;
      return { message, remedy: "publish to a subject that the source does not read" };
    },
  },
  {
    id: "state-not-durable",
    side: "pipeline",
    severity: "warning",
    explanation: "The position is gone with the process, so each start begins where deliver_policy says.",
    breach: ({ source, pipeline }) => {
      if (source?.kind !== "jetstream-source" || pipeline.durableState) return undefined;
      const { policy } = source.table.deliver;
      const repeats = policy === "all" || policy === "by_start_sequence" || policy === "by_start_time";
      return {
        message: repeats
          ? "the state is kept in memory: each start reads everything again"
          : `the state is kept in memory and deliver_policy is '${policy}': what comes between two runs is lost`,
        remedy: "use --state file:DIR",
        ...(repeats ? {} : { severity: "error" }),
      };
    },
  },
  {
    id: "core-source-misses",
    side: "source",
    severity: "warning",
    explanation:
      "A Core subject keeps nothing: what is published while nobody listens is gone, whatever the sink promises.",
    breach: ({ source }) =>
      source?.kind === "core-source"
        ? {
            message: `subject "${source.table.subject}" is read at most once, also across reconnects`,
            remedy: "capture the subject in a stream and read that with stream = '…'",
          }
        : undefined,
  },
  {
    id: "core-overflow-drops",
    side: "source",
    severity: "note",
    explanation: "Messages that come faster than they are written wait in a bounded buffer.",
    breach: ({ source }) => {
      if (source?.kind !== "core-source" || source.table.onOverflow === "fail") return undefined;
      const { maxBufferedMessages, onOverflow } = source.table;
      const message = `core.on_overflow is '${onOverflow}': of more than ${maxBufferedMessages} waiting messages some are dropped and counted`;
      return { message, remedy: "use core.on_overflow = 'fail' where that must stop the pipeline" };
    },
  },
  {
    id: "permission-missing",
    side: "pipeline",
    severity: "error",
    explanation: "The server refuses the user a subject that the table needs; a start ends with exit code 3.",
    breach: ofEachSide(({ system: { denied }, deadLetters }) => {
      if (denied.length === 0) return undefined;
      // A start asks for these and goes on without them; only dead letters need to find their stream.
      const isSpare = (subject: string): boolean =>
        /API\.(INFO|CONSUMER\.NAMES\.[^.]+)$/.test(subject) ||
        (deadLetters === undefined && /API\.STREAM\.NAMES$/.test(subject));
      const severity = denied.every(({ subject }) => isSpare(subject)) ? ({ severity: "warning" } as const) : {};
      const list = denied.map(({ operation, subject }) => `${operation} to "${subject}"`).join(", ");
      const remedy = "grant these subjects in the user's permissions";
      return { message: `the user may not ${list}`, remedy, ...severity };
    }),
  },
  {
    id: "not-all-readable",
    side: "pipeline",
    severity: "note",
    explanation: "Rules about what could not be read were passed over.",
    breach: ofEachSide(({ system: { unread } }) =>
      unread.length === 0
        ? undefined
        : {
            message: `this user may not read ${unread.join(", ")}`,
            remedy: "run the check as a user who may",
          },
    ),
  },
  {
    id: "single-replica",
    side: "pipeline",
    severity: "warning",
    explanation: "One replica survives a crash of the server, not the loss of its disk, and is away while it is down.",
    breach: ofEachStream(({ stream, system }) => {
      const { num_replicas: replicas, name } = stream.config;
      if (replicas > 1) return undefined;
      const message = `stream "${name}" has one replica`;
      if (system.clustered) return { message, remedy: "give the stream 3 replicas" };
      return { message, remedy: "run a cluster where that is not enough", severity: "note" };
    }),
  },
  {
    id: "replica-behind",
    side: "pipeline",
    severity: "warning",
    explanation: "A stream that has lost a replica goes on, and stops when it loses the next.",
    breach: ofEachStream(({ stream }) => {
      const replicas = stream.cluster?.replicas ?? [];
      const behind = replicas.filter(({ current, offline }) => !current || offline === true);
      if (behind.length === 0) return undefined;
      const names = behind.map(({ name, offline }) => `${name} (${offline === true ? "offline" : "not current"})`);
      const message = `stream "${stream.config.name}": replica ${names.join(", ")}`;
      return { message, remedy: "bring the server back before you rely on the stream" };
    }),
  },
  {
    id: "stored-in-memory",
    side: "pipeline",
    severity: "warning",
    explanation: "A stream in memory is gone when its server restarts, with everything that was acknowledged.",
    breach: ofEachStream(({ stream }) => {
      if (stream.config.storage !== "memory" || stream.config.num_replicas > 1) return undefined;
      const message = `stream "${stream.config.name}" is kept in memory, with one replica`;
      return { message, remedy: "use file storage" };
    }),
  },
  {
    id: "flushed-late",
    side: "sink",
    severity: "warning",
    explanation:
      "With persist_mode async the server acknowledges before it writes: a crash may lose what was confirmed.",
    breach: ofEachStream(({ stream, kind }) => {
      if (kind !== "jetstream-sink" || stream.config.persist_mode !== "async") return undefined;
      const message = `stream "${stream.config.name}" acknowledges before it writes (persist_mode = async)`;
      return { message, remedy: "use the default persist_mode" };
    }),
  },
  {
    id: "storage-nearly-full",
    side: "pipeline",
    severity: "warning",
    explanation: "With no storage left the server refuses publishes and consumers: the pipeline waits for room.",
    breach: ofEachSide(({ system: { account } }) => {
      const limit = account?.limits?.max_storage ?? -1;
      if (account === undefined || limit <= 0 || account.storage < limit * 0.9) return undefined;
      const message = `the account uses ${account.storage} of ${limit} bytes of storage`;
      return { message, remedy: "raise the limit or remove what is not needed" };
    }),
  },
  {
    id: "unsafe-clustered-version",
    side: "pipeline",
    severity: "warning",
    explanation: "Clustered servers before 2.9.21 can disagree about compare-and-swap, and before 2.11 about AckAll.",
    breach: ofEachSide(
      ({
        system: {
          clustered,
          capabilities: { version },
        },
      }) => {
        if (!clustered || comparesSafely(version, 3)) return undefined;
        return { message: `the cluster runs nats-server ${version}`, remedy: "upgrade to 2.10 or newer" };
      },
    ),
  },
];
