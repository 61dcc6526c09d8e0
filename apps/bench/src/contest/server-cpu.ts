import { readFileSync } from "node:fs";

/** Clock ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const MS_PER_TICK = 10;

/** CPU time in milliseconds that a process has used so far; NaN where the system does not say. */
export function cpuOfProcess(pid: number): number {
  try {
    // The name in brackets may hold anything; what is behind it does not.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  } catch {
    return Number.NaN;
  }
}
