import type { GroupBoard } from "@x/connector-api";
import { parseGroupRecord, withoutMembers } from "./group-record.js";

/**
 * Takes a process that is known to be dead off the board of a pipeline, so that its splits are free before its lease
 * has ended.
 */
export async function removeProcess(
  board: GroupBoard,
  pipeline: string,
  dead: { readonly host: string; readonly pid: number },
): Promise<void> {
  for (;;) {
    const entry = await board.read();
    const record = parseGroupRecord(entry.text, pipeline);
    const ids = Object.entries(record?.members ?? {}).flatMap(([id, { host, pid }]) =>
      host === dead.host && pid === dead.pid ? [id] : [],
    );
    if (record === undefined || ids.length === 0) return;
    const next = { ...withoutMembers(record, new Set(ids)), turn: record.turn + 1 };
    if (await board.replace(entry, JSON.stringify(next))) return;
  }
}
