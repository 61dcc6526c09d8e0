import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ON_WINDOWS = process.platform === "win32";
const GRACE_MS = 3_000;

/** @typedef {{ code: number, output: string, durationMs: number }} Finished */

/**
 * @typedef {object} CommandRunner
 * @property {(folder: string) => void} addToPath in front of what is there, for the commands that follow
 * @property {(prefix: string) => string} makeTemporaryFolder which is removed when this process exits
 * @property {NodeJS.ProcessEnv} env what commands get; may be added to
 * @property {(command: string, args: readonly string[], options?: { cwd?: string, show?: boolean, env?: NodeJS.ProcessEnv, limitMs?: number }) => Promise<Finished>} run
 *   Resolves whatever the exit code. With `show` the output goes to the terminal and is not kept. What still runs after
 *   `limitMs` is ended, and has the exit code 124.
 */

/**
 * Runs commands, each in a process group of its own. SIGINT and SIGTERM end all groups that still run, wait until they
 * are gone, and then end this process with the signal's exit code.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @returns {CommandRunner}
 */
export function createCommandRunner({ root }) {
  /** @type {Set<import("node:child_process").ChildProcess>} */
  const running = new Set();
  let stopping = false;
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1", npm_config_update_notifier: "false" };
  const addToPath = (/** @type {string} */ folder) => {
    const key = Object.keys(env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
    env[key] = env[key] ? folder + delimiter + env[key] : folder;
  };
  addToPath(join(root, "node_modules", ".bin"));
  const scratch = mkdtempSync(join(tmpdir(), "bootstrap-"));
  process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, async () => {
      const groups = [...running];
      // The second signal, or the end of the wait, ends what has not ended by itself.
      if (!stopping) {
        stopping = true;
        for (const child of groups) signalGroup(child, "SIGTERM");
        const deadline = Date.now() + GRACE_MS;
        while (Date.now() < deadline && groups.some((child) => signalGroup(child, 0))) await sleep(20);
      }
      for (const child of groups) signalGroup(child, "SIGKILL");
      process.exit(128 + constants.signals[signal]);
    });
  }

  return {
    env,
    addToPath,
    makeTemporaryFolder: (prefix) => mkdtempSync(join(scratch, prefix)),
    run(command, args, { cwd = root, show = false, env: more = {}, limitMs } = {}) {
      const startedAt = performance.now();
      return new Promise((resolve, reject) => {
        // Once a stop is under way nothing new starts, and nobody goes on with what was stopped.
        if (stopping) return;
        const child = spawn(command, args, {
          cwd,
          env: { ...env, ...more },
          stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
          detached: !ON_WINDOWS,
          shell: ON_WINDOWS,
        });
        running.add(child);
        let isLate = false;
        const limit =
          limitMs &&
          setTimeout(() => {
            isLate = true;
            console.error(`${command} ${args.join(" ")}: ended after ${Math.round(limitMs / 1000)} s, its limit`);
            signalGroup(child, "SIGKILL");
          }, limitMs);
        /** @type {Buffer[]} */
        const chunks = [];
        child.stdout?.on("data", (chunk) => chunks.push(chunk));
        child.stderr?.on("data", (chunk) => chunks.push(chunk));
        child.once("exit", () => {
          running.delete(child);
          clearTimeout(limit);
        });
        child.once("error", (error) => {
          running.delete(child);
          reject(new Error(`${command} cannot be started: ${error.message}`, { cause: error }));
        });
        child.once("close", (code) => {
          if (stopping) return;
          resolve({
            code: isLate ? 124 : (code ?? 1),
            output: Buffer.concat(chunks).toString("utf8"),
            durationMs: performance.now() - startedAt,
          });
        });
      });
    },
  };
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {NodeJS.Signals | 0} signal 0 only asks
 * @returns {boolean} whether there was anything left to signal
 */
function signalGroup(child, signal) {
  if (child.pid === undefined) return false;
  if (ON_WINDOWS) {
    if (signal !== 0) spawn("taskkill", ["/pid", String(child.pid), "/T", "/F"], { stdio: "ignore" });
    return child.exitCode === null;
  }
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}
