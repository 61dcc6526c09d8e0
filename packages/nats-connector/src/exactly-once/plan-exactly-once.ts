import { type Capabilities, comparesSafely } from "../capabilities.js";
import type { StreamConfig } from "../jetstream/api.js";
import type { JetStreamSinkTable } from "../table-config.js";
import type { ExactlyOnceMode } from "./progress-record.js";
import { capturedSubject, progressSubjects } from "./progress-subject.js";

/** What is known of a sink and its server when a mode is chosen. */
export interface ExactlyOnceRequest {
  readonly table: Pick<JetStreamSinkTable, "subject" | "progressSubject" | "soleWriter" | "messageId">;
  readonly pipeline: string;
  /** Splits of the source. */
  readonly splits: readonly string[];
  /** How many there are where others write the rest of them into the same stream. Default: as many as `splits`. */
  readonly outOf?: number | undefined;
  /** The sink's stream as the server has it. */
  readonly stream: StreamConfig;
  readonly server: Pick<Capabilities, "version" | "atomicBatches" | "subjectFence">;
  /** False: the same input gives other rows each time it is read. */
  readonly deterministic?: boolean | undefined;
}

/** How exactly once is kept, or what would make it possible. */
export type ExactlyOncePlan =
  | {
      readonly mode: ExactlyOnceMode;
      /** What the mode does, for people. */
      readonly because: string;
      /** Progress subject of each split. */
      readonly progress: ReadonlyMap<string, string>;
      /** What a user should know of this stream. */
      readonly notes: readonly string[];
    }
  | {
      readonly mode: undefined;
      /** Why each way is closed. */
      readonly reasons: readonly string[];
      /** What would open one; any of them is enough. */
      readonly remedies: readonly string[];
      /** Settings of the stream that make `atomic` possible, those it has left out; empty where the server is too old. */
      readonly streamSettings: Partial<StreamConfig>;
    };

/**
 * Chooses how a sink keeps outputs and progress together: `atomic` where server and stream can, else what the table
 * declares: `chain` for a sole writer, `fenced-msgid` for a stream shared with others, whose promise ends with the
 * duplicate window and is therefore never a silent second choice. Pure: `explain` shows what `run` will do.
 */
export function planExactlyOnce(request: ExactlyOnceRequest): ExactlyOncePlan {
  const { table, stream, server, splits } = request;
  const { outOf = splits.length } = request;
  const { progress, missing } = placeProgress(request);
  const unfit = unfitness(stream, server.version);
  const closed = [
    ...unfit.map(({ reason }) => reason),
    ...(missing.length === 0 ? [] : [`stream "${stream.name}" captures no subject for progress`]),
  ];
  const isFit = closed.length === 0;
  const notes = notesOn(stream);
  const { soleWriter, messageId } = table;
  const unfitForIds = unfitnessForIds(request);
  if (isFit && server.atomicBatches && stream.allow_atomic === true) {
    const ids = messageId === undefined ? [] : ["message_id is not sent: the transaction makes it superfluous"];
    const because = "outputs and progress are committed in one atomic batch";
    return { mode: "atomic", because, progress, notes: [...notes, ...ids, ...notesOnStages(request, "atomic")] };
  }
  if (isFit && soleWriter && outOf === 1) {
    const because = "each output expects the one before it, since sink.sole_writer = true";
    return { mode: "chain", because, progress, notes: [...notes, ...notesOnStages(request, "chain")] };
  }
  if (isFit && soleWriter !== undefined && unfitForIds.length === 0) {
    const because =
      "each output has an id and expects that nobody has taken over; what lies behind the progress is read";
    return {
      mode: "fenced-msgid",
      because,
      progress,
      notes: [...notes, ...notesOnIds(request), ...notesOnStages(request, "fenced-msgid")],
    };
  }
  const reasons = [...closed];
  if (!server.atomicBatches) reasons.push(`server ${server.version} has no atomic batches`);
  else if (stream.allow_atomic !== true) reasons.push(`stream "${stream.name}" does not set allow_atomic`);
  if (soleWriter && outOf > 1) {
    reasons.push(`sink.sole_writer = true works for one split, and the source has ${outOf}`);
  }
  if (soleWriter !== undefined) reasons.push(...unfitForIds.map(({ reason }) => reason));
  const wanted = missing.flatMap((subject) => subject ?? []);
  const subjects = wanted.length === 0 ? {} : { subjects: [...(stream.subjects ?? []), ...wanted] };
  return {
    mode: undefined,
    reasons,
    remedies: [...unfit.map(({ remedy }) => remedy), ...remediesOf(request, missing, unfitForIds)],
    streamSettings: server.atomicBatches ? { allow_atomic: true, allow_rollup_hdrs: true, ...subjects } : {},
  };
}

/** The subject of each split, and for each that has none the preferred one, if there is any. */
function placeProgress({ table, pipeline, splits, stream }: ExactlyOnceRequest): {
  readonly progress: ReadonlyMap<string, string>;
  readonly missing: readonly (string | undefined)[];
} {
  const progress = new Map<string, string>();
  const missing: (string | undefined)[] = [];
  for (const split of splits) {
    const candidates = progressSubjects(table.subject, table.progressSubject, { pipeline, split });
    const captured = capturedSubject(candidates, stream.subjects ?? []);
    if (captured === undefined) missing.push(candidates[0]);
    else progress.set(split, captured);
  }
  return { progress, missing };
}

/** What no mode can do with, and what to do about it. */
function unfitness(
  stream: StreamConfig,
  version: string,
): readonly { readonly reason: string; readonly remedy: string }[] {
  const { name, retention, discard, discard_new_per_subject: perSubject, num_replicas: replicas } = stream;
  const found = [];
  if (!comparesSafely(version, replicas)) {
    found.push({
      reason: `server ${version} does not compare and swap safely on ${replicas} replicas`,
      remedy: "upgrade to 2.9.21 or later, or write into a stream with one replica",
    });
  }
  if (retention !== "limits") {
    found.push({
      reason: `stream "${name}" has ${retention} retention, which removes progress as soon as it is consumed`,
      remedy: "write into a stream with limits retention (one with another retention may source it)",
    });
  }
  if (discard === "new" && perSubject === true && (stream.max_msgs_per_subject ?? -1) > 0) {
    found.push({
      reason: `stream "${name}" refuses a new message where the subject is full (discard_new_per_subject)`,
      remedy: "take discard_new_per_subject off the stream",
    });
  }
  return found;
}

/** Why outputs cannot be told by ids, and what would change that where anything does. */
function unfitnessForIds({ server, stream }: ExactlyOnceRequest): readonly { reason: string; remedy?: string }[] {
  if (!server.subjectFence) return [{ reason: `server ${server.version} checks no other subject at a publish (2.11)` }];
  const { name, duplicate_window: window = 0, max_msgs_per_subject: perSubject = -1 } = stream;
  const found = [];
  if (window <= 0)
    found.push({ reason: `stream "${name}" knows no ids`, remedy: "set duplicate_window on the stream" });
  if (perSubject > 0) {
    const reason = `stream "${name}" removes messages of a subject that has ${perSubject} (max_msgs_per_subject), and with them the ids that a restarted server knows`;
    found.push({ reason, remedy: "take max_msgs_per_subject off the stream" });
  }
  return found;
}

function notesOnIds({ server, stream, table }: ExactlyOnceRequest): readonly string[] {
  const windowSeconds = (stream.duplicate_window ?? 0) / 1e9;
  const notes = [
    `ids are known for ${windowSeconds} s (duplicate_window): once 0.8 of it has passed since a stop by force, a start is refused where messages behind the progress were removed`,
    "an output that the stream refuses for a moment may come to lie behind later ones",
  ];
  if (stream.num_replicas > 1) notes.push("in a replicated stream one output at a time is under way");
  if (server.atomicBatches) notes.push("with allow_atomic on the stream outputs are committed together, and faster");
  if (table.messageId !== undefined) notes.push("message_id is not sent: the sink has ids of its own");
  return notes;
}

function remediesOf(
  { table, server, stream, splits, outOf = splits.length }: ExactlyOnceRequest,
  missing: readonly (string | undefined)[],
  unfitForIds: readonly { readonly remedy?: string }[],
): readonly string[] {
  const remedies: string[] = [];
  const wanted = missing.flatMap((subject) => (subject === undefined ? [] : [`"${subject}"`]));
  if (wanted.length > 0) remedies.push(`add ${wanted.join(", ")} to the stream's subjects`);
  if (wanted.length < missing.length) {
    remedies.push("give exactly_once.progress_subject a subject that the stream captures");
  }
  if (!server.atomicBatches) remedies.push("run server 2.12 or later and set allow_atomic on the stream");
  else if (stream.allow_atomic !== true) remedies.push("set allow_atomic on the stream");
  if (!table.soleWriter && outOf === 1) {
    remedies.push("or declare sink.sole_writer = true when nobody else writes into the stream");
  }
  if (table.soleWriter === undefined && unfitForIds.length === 0) {
    remedies.push("or sink.sole_writer = false when others do: ids then tell outputs apart, within duplicate_window");
  }
  const ofIds = table.soleWriter === undefined ? [] : unfitForIds.flatMap(({ remedy }) => remedy ?? []);
  return [...remedies, ...ofIds.map((remedy) => `or ${remedy}`), "or take delivery = 'at_least_once'"];
}

/** What of an input whose rows differ each time is staged; undefined where nothing is. */
export function whatIsStaged(mode: ExactlyOnceMode, deterministic: boolean | undefined): string | undefined {
  if (deterministic !== false) return undefined;
  if (mode !== "atomic") return "an input with several outputs";
  return "an input with more outputs than one transaction takes (999, or 8 MiB)";
}

function notesOnStages({ deterministic, stream }: ExactlyOnceRequest, mode: ExactlyOnceMode): readonly string[] {
  const what = whatIsStaged(mode, deterministic);
  if (what === undefined) return [];
  const staged = `rows differ each time the same input is read: ${what} is staged on the progress subject before the first of them is published`;
  const { max_msgs_per_subject: perSubject = -1, allow_rollup_hdrs: rollup } = stream;
  const bound = perSubject <= 0 ? "" : `, as far as max_msgs_per_subject (${perSubject}) allows`;
  const rest = rollup === true ? "" : "; it stays there, where allow_rollup_hdrs would remove it";
  return [staged + bound + rest];
}

function notesOn(stream: StreamConfig): readonly string[] {
  const notes = [
    stream.allow_rollup_hdrs === true
      ? "the last progress message alone is kept; the ones it replaces leave interior deletes in the stream"
      : "every progress message is kept; with allow_rollup_hdrs the last one alone would be",
    "consumers of the stream with a wildcard see the progress messages",
  ];
  if ((stream.max_age ?? 0) > 0 && stream.allow_msg_ttl !== true) {
    notes.push("max_age removes the progress of a pipeline that has not run for so long; allow_msg_ttl would keep it");
  }
  return notes;
}
