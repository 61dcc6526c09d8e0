import { spawn } from "node:child_process";

/** @typedef {{ env?: NodeJS.ProcessEnv, cwd?: string, timeoutMs: number }} RunOptions */

/**
 * Runs a program without a shell and gives its standard output. Rejects when it cannot start, exits with another
 * code than 0 or outlives `timeoutMs` (then it is killed); the error carries the last lines it printed.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {RunOptions} options
 * @returns {Promise<string>}
 */
export function runCommand(program, args, { env = process.env, cwd, timeoutMs }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env,
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.once("error", (error) => reject(new Error(describeSpawnError(program, error), { cause: error })));
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(stdout);
      const how =
        signal === "SIGKILL" ? `gave no answer within ${timeoutMs / 1000} s` : `failed (${signal ?? `exit ${code}`})`;
      const said = (stderr || stdout).trim().split("\n").slice(-3).join(" / ");
      reject(new Error(`${program} ${args.at(0) ?? ""} ${how}${said ? `: ${said}` : ""}`));
    });
  });
}

/**
 * @param {string} program
 * @param {NodeJS.ErrnoException} error
 */
function describeSpawnError(program, error) {
  if (error.code === "ENOENT") return `${program} is not on this machine`;
  if (error.code === "EACCES") return `${program} is not executable`;
  return `${program} cannot be started: ${error.message}`;
}
