import { ConnectorError } from "@x/connector-api";
import {
  disagreement,
  emptyGroup,
  fairShare,
  freed,
  type GroupRecord,
  type GroupTerms,
  heldBy,
  withMember,
  withoutMembers,
  withSplit,
} from "./group-record.js";

/** What a member knows of itself when its turn comes. */
export interface Standing {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly leaving: boolean;
  /** Members that have been silent for too long. */
  readonly silent: ReadonlySet<string>;
  /** True for another member that surely lives. */
  lives(id: string): boolean;
  /** Splits of this member whose runs are over, and how. */
  readonly over: ReadonlyMap<string, SplitOutcome>;
  /** Splits that this process is still busy with, or had better leave to others for now. */
  readonly unavailable: ReadonlySet<string>;
  /** True while any run of this process is not over. */
  readonly busy: boolean;
}

export type SplitOutcome = "caught-up" | "handed-over" | { readonly ends: ConnectorError };

/**
 * What a member writes in its turn: it buries the silent, says how its splits have ended, and takes free ones up to its
 * fair share. Pure. Undefined while it may not join: those who are there must go first. Throws OPTION_CONFLICT when they
 * live and run the pipeline on other terms.
 */
export function nextRecord(seen: GroupRecord | undefined, terms: GroupTerms, me: Standing): GroupRecord | undefined {
  let record = withoutMembers(seen ?? emptyGroup(terms, 0), me.silent);
  if (record.members[me.id] === undefined) {
    if (me.leaving) return undefined;
    const others = Object.keys(record.members);
    const conflict = disagreement(record, terms);
    if (others.length === 0 && (conflict !== undefined || record.ended !== undefined)) {
      record = emptyGroup(terms, record.turn);
    } else if (record.ended !== undefined) return undefined;
    else if (conflict !== undefined) {
      if (others.some((id) => me.lives(id))) throw refused(terms, conflict);
      return undefined;
    }
  }
  const turn = record.turn + 1;
  const { beat, since } = record.members[me.id] ?? { beat: 0, since: turn };
  record = { ...record, turn };
  for (const [split, outcome] of me.over) record = withOutcome(record, split, outcome, me.id);
  const leaving = me.leaving || record.ended !== undefined || isSatisfied(record, since);
  if (leaving && !me.busy) return withoutMembers(record, new Set([me.id]));
  const { host, pid } = me;
  record = withMember(record, me.id, { beat: beat + 1, host, pid, since, ...(leaving ? { leaving } : {}) });
  return leaving ? record : withTaken(record, me);
}

/** True once every split has been read to an end that was no earlier than this member. */
export function isSatisfied({ untilCaughtUp, splits }: GroupRecord, since: number): boolean {
  return untilCaughtUp && Object.values(splits).every(({ done = -1 }) => done >= since);
}

/** How many of its splits a member should hand over. */
export function surplusOf(record: GroupRecord, id: string): number {
  return Math.max(0, heldBy(record, id).length - fairShare(record, id));
}

function withOutcome(record: GroupRecord, name: string, outcome: SplitOutcome, id: string): GroupRecord {
  const split = record.splits[name];
  if (split === undefined || split.holder !== id) return record;
  if (typeof outcome !== "object") return withSplit(record, name, freed(split, outcome === "caught-up"));
  const { code, message } = outcome.ends;
  return { ...withSplit(record, name, freed(split)), ended: record.ended ?? { code, message } };
}

function withTaken(record: GroupRecord, { id, unavailable }: Standing): GroupRecord {
  const since = record.members[id]?.since ?? 0;
  const wanted = fairShare(record, id) - heldBy(record, id).length;
  const free = Object.entries(record.splits).filter(
    ([name, { holder, done = -1 }]) =>
      holder === undefined && !unavailable.has(name) && !(record.untilCaughtUp && done >= since),
  );
  return free.slice(0, Math.max(0, wanted)).reduce((next, [name, { done }]) => {
    const entry = { holder: id, taken: record.turn, ...(done === undefined ? {} : { done }) };
    return withSplit(next, name, entry);
  }, record);
}

function refused({ pipeline }: GroupTerms, conflict: string): ConnectorError {
  return new ConnectorError(
    "OPTION_CONFLICT",
    `pipeline "${pipeline}" is run by other processes: ${conflict}; run it the same way, or stop them first`,
    { context: { pipeline } },
  );
}
