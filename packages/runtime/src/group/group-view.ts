import type { GroupBoard } from "@x/connector-api";
import { type GroupRecord, parseGroupRecord } from "./group-record.js";

/** Rows of one split. */
export interface SplitRows {
  readonly rowsIn: number;
  readonly rowsOut: number;
}

/** Who has what in a group, as this member saw it last. */
export interface GroupView {
  readonly name: string;
  /** Counts what is written on the board: of two views the greater one is the later. */
  readonly turn: number;
  /** The members that read, or wait for a split. */
  readonly members: readonly string[];
  /** Those of them that are this process, or its workers. */
  readonly own: ReadonlySet<string>;
  /** The member that has each split; undefined for one that is free. */
  readonly holders: ReadonlyMap<string, string | undefined>;
  /** What this process has read of each split, whether it still does or not. */
  readonly rows: ReadonlyMap<string, SplitRows>;
}

/** What a board says, for whoever is no member; undefined where no group ever met. */
export async function readGroup(board: GroupBoard, pipeline: string): Promise<GroupRecord | undefined> {
  return parseGroupRecord((await board.read()).text, pipeline);
}

/** The latest of several views, with the rows of all. */
export function sumViews(views: readonly GroupView[]): GroupView | undefined {
  const [latest] = [...views].sort((a, b) => b.turn - a.turn);
  if (latest === undefined) return undefined;
  const rows = new Map<string, SplitRows>();
  for (const view of views) {
    for (const [split, { rowsIn, rowsOut }] of view.rows) {
      const before = rows.get(split) ?? { rowsIn: 0, rowsOut: 0 };
      rows.set(split, { rowsIn: before.rowsIn + rowsIn, rowsOut: before.rowsOut + rowsOut });
    }
  }
  return { ...latest, own: new Set(views.flatMap(({ own }) => [...own])), rows };
}
