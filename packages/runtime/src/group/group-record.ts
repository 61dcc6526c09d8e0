import { ConnectorError, type ErrorCode, errorCodes } from "@x/connector-api";

/** A process of a group. */
export interface MemberEntry {
  /** Grows while it lives. */
  readonly beat: number;
  readonly host: string;
  readonly pid: number;
  /** The turn it joined at. */
  readonly since: number;
  /** On its way out: it hands over what it holds and takes nothing. */
  readonly leaving?: boolean;
}

/** A split of the pipeline. */
export interface SplitEntry {
  /** The member that reads it; absent while it is free. */
  readonly holder?: string;
  /** The turn it was taken at. */
  readonly taken?: number;
  /** The turn at which the one that has read it to its end had taken it. */
  readonly done?: number;
}

/** What all members have to agree about. */
export interface GroupTerms {
  readonly pipeline: string;
  readonly group: string;
  readonly untilCaughtUp: boolean;
  /** Names of the splits. */
  readonly names: readonly string[];
}

/**
 * Who is in a group and who reads which split: the text on its board. Every holder is a member. It distributes work and
 * proves nothing: what a process that is no longer here still writes is kept off by the epochs of its splits.
 */
export interface GroupRecord {
  readonly v: 1;
  readonly pipeline: string;
  readonly group: string;
  readonly untilCaughtUp: boolean;
  /** Counts the writes. */
  readonly turn: number;
  readonly members: Readonly<Record<string, MemberEntry>>;
  readonly splits: Readonly<Record<string, SplitEntry>>;
  /** Why the pipeline has ended for all of them. */
  readonly ended?: { readonly code: ErrorCode; readonly message: string };
}

/** Reads a board; undefined for an empty one. Throws STATE_INVALID for one of a later version and for what is none. */
export function parseGroupRecord(text: string | undefined, pipeline: string): GroupRecord | undefined {
  if (text === undefined) return undefined;
  const invalid = (reason: string): ConnectorError =>
    new ConnectorError("STATE_INVALID", `the group of pipeline "${pipeline}": its record ${reason}`);
  const damaged = (how: string): ConnectorError =>
    invalid(
      `is damaged: ${how}; stop all its processes and remove it ("${pipeline}.group" in the bucket), no position is in it`,
    );
  let record: GroupRecord;
  try {
    record = JSON.parse(text);
  } catch {
    throw damaged("it is no JSON");
  }
  if (record?.v !== 1) throw invalid(`has version ${record?.v} and this program reads version 1; run a later one`);
  if (record.pipeline !== pipeline) throw invalid(`belongs to another pipeline, ${JSON.stringify(record.pipeline)}`);
  const { members, splits, turn, ended } = record;
  if (!isTurn(turn) || !isAll(members, isMember) || !isAll(splits, isSplit))
    throw damaged("members, splits or turn are not what a group writes");
  if (ended !== undefined && !(isObject(ended) && Object.hasOwn(errorCodes, ended.code))) {
    throw damaged("it has ended with an unknown error");
  }
  return record;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isAll<T>(entries: Readonly<Record<string, T>>, is: (entry: T) => boolean): boolean {
  return isObject(entries) && Object.values(entries).every((entry) => isObject(entry) && is(entry));
}

const isTurn: (value: unknown) => boolean = Number.isSafeInteger;
const isMember = ({ beat, since }: MemberEntry): boolean => isTurn(beat) && isTurn(since);
const isSplit = ({ holder = "", taken = 0, done = 0 }: SplitEntry): boolean =>
  typeof holder === "string" && isTurn(taken) && isTurn(done);

/** A group without members, behind `turn`. */
export function emptyGroup({ pipeline, group, untilCaughtUp, names }: GroupTerms, turn: number): GroupRecord {
  const splits = Object.fromEntries(names.map((name) => [name, {}]));
  return { v: 1, pipeline, group, untilCaughtUp, turn, members: {}, splits };
}

/** What a member would have to give up to join; undefined where it may. */
export function disagreement(record: GroupRecord, terms: GroupTerms): string | undefined {
  const splits = Object.keys(record.splits);
  if (record.group !== terms.group) return `it is run by group "${record.group}", and this is "${terms.group}"`;
  if (splits.length !== terms.names.length) return `it has ${splits.length} splits, and here ${terms.names.length}`;
  if (record.untilCaughtUp === terms.untilCaughtUp) return undefined;
  return record.untilCaughtUp
    ? "it runs with --until-caught-up, and this process without"
    : "it runs without --until-caught-up, and this process with it";
}

export function withMember(record: GroupRecord, id: string, entry: MemberEntry): GroupRecord {
  return { ...record, members: { ...record.members, [id]: entry } };
}

/** Without some members; what they held is free. */
export function withoutMembers(record: GroupRecord, ids: ReadonlySet<string>): GroupRecord {
  if (ids.size === 0) return record;
  const members = Object.fromEntries(Object.entries(record.members).filter(([id]) => !ids.has(id)));
  const splits = Object.entries(record.splits).map(
    ([name, split]) => [name, split.holder !== undefined && ids.has(split.holder) ? freed(split) : split] as const,
  );
  return { ...record, members, splits: Object.fromEntries(splits) };
}

export function withSplit(record: GroupRecord, name: string, entry: SplitEntry): GroupRecord {
  return { ...record, splits: { ...record.splits, [name]: entry } };
}

/** The split with no holder; read to its end where `done` says so. */
export function freed({ taken, done }: SplitEntry, toItsEnd = false): SplitEntry {
  const end = toItsEnd ? taken : done;
  return end === undefined ? {} : { done: end };
}

/** Splits that a member holds, in order. */
export function heldBy(record: GroupRecord, id: string): readonly string[] {
  return Object.entries(record.splits).flatMap(([name, { holder }]) => (holder === id ? [name] : []));
}

/**
 * How many splits a member should hold: as many as any other, or one more. Those who hold more keep the ones that do not
 * come out even, so that as few as possible move. Every member comes to the same numbers.
 */
export function fairShare(record: GroupRecord, id: string): number {
  const active = Object.keys(record.members)
    .filter((one) => record.members[one]?.leaving !== true)
    .map((one) => ({ one, held: heldBy(record, one).length }))
    .sort((a, b) => b.held - a.held || (a.one < b.one ? -1 : 1));
  const rank = active.findIndex(({ one }) => one === id);
  if (rank === -1) return 0;
  const count = Object.keys(record.splits).length;
  return Math.floor(count / active.length) + (rank < count % active.length ? 1 : 0);
}
