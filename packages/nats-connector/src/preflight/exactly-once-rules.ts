import { type ExactlyOncePlan, planExactlyOnce, whatIsStaged } from "../exactly-once/plan-exactly-once.js";
import type { Facts, JetStreamSinkFacts } from "./facts.js";
import { msOf, ofSinkStream, ofStreamSink, type Rule, type WithStream } from "./rule.js";

/** Rules about delivery = 'exactly_once': whether it can be kept, and stays so. */
export const exactlyOnceRules: readonly Rule[] = [
  {
    id: "exactly-once-impossible",
    side: "sink",
    severity: "error",
    explanation: "Outputs and position must be committed together, by means that this server and stream do not have.",
    breach: ofSinkStream((sink, facts) => {
      if (sink.table.delivery !== "exactly_once") return undefined;
      const plan = planOf(sink, facts);
      if (plan.mode !== undefined) return undefined;
      const message = `exactly once into stream "${sink.table.stream}" is not possible: ${plan.reasons.join("; ")}`;
      return { message, remedy: plan.remedies.join("; ") };
    }),
  },
  {
    id: "exactly-once-by-ids",
    side: "sink",
    severity: "warning",
    explanation:
      "A stream forgets the ids of outputs: long after a stop by force a start is refused where messages behind the progress are gone.",
    breach: ofSinkStream((sink, facts) => {
      if (sink.table.delivery !== "exactly_once") return undefined;
      if (planOf(sink, facts).mode !== "fenced-msgid") return undefined;
      const seconds = msOf(sink.stream.config.duplicate_window) / 1000;
      const message = `exactly once into stream "${sink.table.stream}" is kept by ids (fenced-msgid), which it knows for ${seconds} s`;
      const atomic = "set allow_atomic on the stream";
      const { atomicBatches } = sink.system.capabilities;
      return { message, remedy: atomicBatches ? atomic : `run server 2.12 or later and ${atomic}` };
    }),
  },
  {
    id: "exactly-once-source",
    side: "pipeline",
    severity: "error",
    explanation:
      "After a crash the input must be read again from the committed position: a Core subject keeps nothing.",
    breach: ofStreamSink(({ table }, { source }) => {
      if (table.delivery !== "exactly_once" || source === undefined || source.kind === "jetstream-source")
        return undefined;
      const message = `the source reads Core subject "${source.table.subject}"`;
      return { message, remedy: "capture the subject in a stream and read that, or use delivery = 'at_least_once'" };
    }),
  },
  {
    id: "exactly-once-query",
    side: "pipeline",
    severity: "note",
    explanation:
      "Rows that differ when the same input is read again: what goes out in several steps is staged before the first of them, so that the rest is of the same run.",
    breach: ofSinkStream((sink, facts) => {
      if (sink.table.delivery !== "exactly_once" || facts.pipeline.deterministic) return undefined;
      const plan = planOf(sink, facts);
      const what = plan.mode === undefined ? undefined : whatIsStaged(plan.mode, false);
      const query = "the query gives other rows each time it reads the same input";
      const remedy = "leave functions such as random() and now() out of the SELECT";
      if (what === undefined) return { message: query, remedy, severity: "warning" };
      const { max_msgs_per_subject: perSubject = -1, name } = sink.stream.config;
      const message = `${query}: ${what} is staged on the progress subject`;
      if (perSubject <= 0) return { message, remedy: `nothing needs to be done; to stage nothing, ${remedy}` };
      const limit = `stream "${name}" keeps ${perSubject} messages of a subject (max_msgs_per_subject): a longer stage is refused`;
      return {
        message: `${message}, and ${limit}`,
        remedy: `raise max_msgs_per_subject, or ${remedy}`,
        severity: "warning",
      };
    }),
  },
  {
    id: "progress-expires",
    side: "sink",
    severity: "error",
    explanation: "The position is a message of the sink's stream: with it gone a start ends with exit code 4.",
    breach: ofSinkStream(({ stream, table }, { pipeline }) => {
      const maxAgeMs = msOf(stream.config.max_age);
      if (table.delivery !== "exactly_once" || maxAgeMs === 0 || stream.config.allow_msg_ttl === true) return undefined;
      const age = `stream "${stream.config.name}" removes messages after ${Math.round(maxAgeMs / 1000)} s`;
      return {
        message: `${age}, also the progress of a pipeline that has been idle for so long`,
        remedy: "set allow_msg_ttl on the stream, or remove max_age",
        ...(maxAgeMs > 10 * pipeline.recoveryMs ? { severity: "warning" } : {}),
      };
    }),
  },
  {
    id: "sole-writer-shared",
    side: "sink",
    severity: "error",
    explanation:
      "sink.sole_writer promises that every message of the stream is this pipeline's: any other breaks the chain.",
    breach: ofSinkStream(({ stream, table }, { pipeline }) => {
      if (table.delivery !== "exactly_once" || !table.soleWriter) return undefined;
      const name = `stream "${table.stream}"`;
      const remedy = "give this pipeline a stream of its own, or leave sink.sole_writer out";
      if ((stream.config.sources ?? []).length > 0)
        return { message: `${name} also takes messages from other streams`, remedy };
      const twin = pipeline.beside.find(({ sink }) => sink?.type === "jetstream-sink" && sink.stream === table.stream);
      if (twin === undefined) return undefined;
      return { message: `pipeline "${twin.name}" of the same file writes into ${name}, too`, remedy };
    }),
  },
  {
    id: "exactly-once-possible",
    side: "sink",
    severity: "note",
    explanation: "At least once repeats rows after a crash; exactly once does not.",
    breach: ofSinkStream((sink, facts) => {
      if (sink.table.delivery !== "at_least_once" || facts.source?.kind !== "jetstream-source") return undefined;
      const plan = planOf(sink, facts);
      if (plan.mode !== undefined) {
        return { message: `exactly once is possible here: ${plan.because}`, remedy: "set delivery = 'exactly_once'" };
      }
      const message = `exactly once is not possible here: ${plan.reasons.join("; ")}`;
      return { message, remedy: `for delivery = 'exactly_once': ${plan.remedies.join("; ")}` };
    }),
  },
];

/** How the sink would keep exactly once. */
export function planOf(sink: WithStream<JetStreamSinkFacts>, { pipeline }: Facts): ExactlyOncePlan {
  const { table, stream, system } = sink;
  const { name, splits, deterministic } = pipeline;
  const server = system.capabilities;
  return planExactlyOnce({ table, pipeline: name, splits, stream: stream.config, server, deterministic });
}
