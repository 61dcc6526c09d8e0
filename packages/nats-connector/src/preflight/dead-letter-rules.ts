import { coversSubject } from "../sink/subject-match.js";
import { ofEachSide, type Rule } from "./rule.js";

/** Rules about what happens to data that cannot be decoded or written. */
export const deadLetterRules: readonly Rule[] = [
  {
    id: "bad-data-dropped",
    side: "pipeline",
    severity: "warning",
    explanation: "What cannot be decoded or written is counted and gone.",
    breach: ofEachSide(({ badData }) =>
      badData.behavior === "drop"
        ? { message: "bad_data is 'drop'", remedy: "use bad_data = 'dead_letter' to keep what is refused" }
        : undefined,
    ),
  },
  {
    id: "dead-letter-not-captured",
    side: "pipeline",
    severity: "error",
    explanation:
      "A dead letter counts only once a stream has acknowledged it; a start without one ends with exit code 2.",
    breach: ofEachSide(({ deadLetters }) => {
      if (deadLetters === undefined || !deadLetters.known) return undefined;
      const { subject, stream } = deadLetters;
      const { subjects = [], mirror, name = "" } = stream?.config ?? {};
      if (mirror === undefined && subjects.some((each) => coversSubject(each, subject))) return undefined;
      const message = mirror === undefined ? `no stream captures "${subject}"` : `stream "${name}" is a mirror`;
      const remedy = "create a stream with this subject, run with --create-streams, or change dead_letter.subject";
      return { message, remedy };
    }),
  },
  {
    id: "dead-letter-loop",
    side: "source",
    severity: "error",
    explanation: "A dead letter that the source itself reads is refused again, for ever.",
    breach: ({ source, sink, sameSystem }) => {
      if (source === undefined) return undefined;
      const inputs =
        source.kind === "core-source"
          ? [source.table.subject]
          : source.table.filterSubjects.length > 0
            ? source.table.filterSubjects
            : (source.stream?.config.subjects ?? []);
      const sides = sameSystem && sink !== undefined ? [source, sink] : [source];
      for (const { deadLetters, name } of sides) {
        const subject = deadLetters?.subject;
        if (subject === undefined || !inputs.some((each) => coversSubject(each, subject))) continue;
        const message = `dead_letter.subject "${subject}" of table "${name}" is read by table "${source.name}"`;
        return { message, remedy: "name a subject of another stream" };
      }
      return undefined;
    },
  },
  {
    id: "dead-letter-dropped",
    side: "pipeline",
    severity: "error",
    explanation: "A stream with interest retention acknowledges a dead letter and drops it when no consumer wants it.",
    breach: ofEachSide(({ deadLetters }) => {
      const stream = deadLetters?.stream;
      if (stream?.config.retention !== "interest" || stream.state.consumer_count > 0) return undefined;
      const message = `stream "${stream.config.name}" of the dead letters has interest retention and no consumer`;
      return { message, remedy: "use limits retention, or make a consumer" };
    }),
  },
  {
    id: "dead-letter-full",
    side: "pipeline",
    severity: "warning",
    explanation: "A dead letter that its stream refuses holds back the checkpoint, and with it the pipeline.",
    breach: ofEachSide(({ deadLetters }) => {
      const { discard, max_msgs = -1, max_bytes = -1, name } = deadLetters?.stream?.config ?? {};
      if (discard !== "new" || (max_msgs <= 0 && max_bytes <= 0)) return undefined;
      const message = `stream "${name}" of the dead letters discards new messages when it is full`;
      return { message, remedy: "use discard = old, or see that letters are redriven in time" };
    }),
  },
];
