import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";

/** What has to go when this process ends. One list per process by nature, so it is the one place that holds state. */
const guards = new Set<() => void>();
let hooked = false;

export interface ChildGuard {
  /** Takes over a child that was just spawned; the one before must have ended. */
  watch(child: ChildProcess): void;
  /** Removes the folder now; nothing is guarded any more. Idempotent. */
  release(): void;
}

/** Reads process ids until this process is gone, then ends the last one and removes the folder. */
const WATCHER = `pid=; while read -r line; do pid=$line; done; [ -z "$pid" ] || kill -9 "$pid"; rm -rf "$0"`;

/**
 * Sees to it that neither a child nor its folder outlives this process: by an exit hook, which is installed with the
 * first guard, and, as that does not run when a signal ends this process, by a shell that waits for the end of a pipe
 * which only this process holds open.
 */
export function guardChild(folder: string): ChildGuard {
  let child: ChildProcess | undefined;
  const watcher =
    process.platform === "win32"
      ? undefined
      : spawn("/bin/sh", ["-c", WATCHER, folder], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  // A machine without a shell still has the exit hook.
  watcher?.on("error", () => undefined);
  watcher?.stdin.on("error", () => undefined);
  watcher?.unref();
  (watcher?.stdin as { unref?(): void } | undefined)?.unref?.();

  const release = (): void => {
    if (!guards.delete(release)) return;
    child?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    watcher?.kill("SIGKILL");
  };
  if (!hooked) {
    hooked = true;
    process.once("exit", () => {
      for (const end of guards) end();
    });
  }
  guards.add(release);
  return {
    watch(started) {
      child = started;
      watcher?.stdin.write(`${started.pid}\n`);
      started.once("exit", () => watcher?.stdin.write("\n"));
    },
    release,
  };
}
