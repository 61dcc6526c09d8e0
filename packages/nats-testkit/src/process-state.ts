import { readdirSync, readFileSync } from "node:fs";

const DEADLINE_MS = 1_000;

/**
 * Blocks until a process that was sent SIGSTOP has stopped on all its threads, which happens a moment after `kill`
 * returns. Where the system has no `/proc` it returns at once.
 */
export function waitUntilStopped(pid: number): void {
  const deadline = Date.now() + DEADLINE_MS;
  while (Date.now() < deadline && !readThreadStates(pid).every((state) => state === "T")) {
    // Microseconds, as a rule: not worth giving up the thread for.
  }
}

function readThreadStates(pid: number): string[] {
  const tasks = `/proc/${pid}/task`;
  try {
    // The state follows the name, which is in parentheses and may hold anything.
    return readdirSync(tasks).map((task) => /\) (\S)/.exec(readFileSync(`${tasks}/${task}/stat`, "latin1"))?.[1] ?? "");
  } catch {
    return [];
  }
}
