import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Outcome } from "../contest/outcome.js";

/** One lane as it was measured, and where. Nothing here names a machine or a folder. */
export interface LaneRecord {
  readonly measuredOn: string;
  readonly machine: string;
  readonly node: string;
  readonly server: string;
  /** How long the lane took; absent in records older than this. */
  readonly seconds?: number;
  readonly outcomes: readonly Outcome[];
}

/** Lane → its last record. */
export type RunRecord = Readonly<Record<string, LaneRecord>>;

/** The committed record that the README and the page are made of. */
export const RECORD_FILE: string = fileURLToPath(new URL("../../results/reference.json", import.meta.url));

export function readRecord(): RunRecord {
  return existsSync(RECORD_FILE) ? (JSON.parse(readFileSync(RECORD_FILE, "utf8")) as RunRecord) : {};
}

/** What a lane ended with. */
export interface LaneRun {
  readonly outcomes: readonly Outcome[];
  readonly seconds: number;
}

/** Puts what a lane has just measured over what the record had of it. One that the short run leaves out keeps what it had. */
export function saveRecord(lane: string, run: LaneRun, server: string): void {
  if (run.outcomes.length === 0) return;
  const record: LaneRecord = {
    measuredOn: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`,
    node: process.versions.node,
    server,
    ...run,
  };
  writeFileSync(RECORD_FILE, `${JSON.stringify({ ...readRecord(), [lane]: record }, rounded, 2)}\n`);
}

/** Four digits say all that a measurement knows. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}
