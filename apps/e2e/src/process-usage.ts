import { readdirSync, readFileSync } from "node:fs";

export interface ProcessUsage {
  readonly memoryMiB: number;
  readonly openFiles: number;
}

/** What a process holds right now. Linux only. */
export function readProcessUsage(pid: number): ProcessUsage {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { memoryMiB: Number(kibibytes) / 1024, openFiles: readdirSync(`/proc/${pid}/fd`).length };
}
