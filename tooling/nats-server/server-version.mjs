import { runCommand } from "./run-command.mjs";

const VERSION = /v?(\d+)\.(\d+)\.(\d+)/;

/**
 * Asks a nats-server binary for its version, as `2.15.1`. Rejects when it does not run or prints something else.
 * @param {string} binary
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function readServerVersion(binary, env) {
  const text = await runCommand(binary, ["--version"], { env, timeoutMs: 10_000 });
  const match = VERSION.exec(text);
  if (!match)
    throw new Error(
      `${binary} --version printed ${JSON.stringify(text.trim().slice(0, 80))}, expected "nats-server: v2.x.y"`,
    );
  return match.slice(1).join(".");
}

/**
 * Negative, zero or positive, as for `Array.sort`.
 * @param {string} a
 * @param {string} b
 */
export function compareVersions(a, b) {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * What a caller wants: exactly one series (`2.10`), or any version from `minimum` on.
 * @typedef {{ series: string } | { minimum: string }} Wanted
 */

/**
 * @param {string} version
 * @param {Wanted} wanted
 */
export function isWanted(version, wanted) {
  return "series" in wanted ? version.startsWith(`${wanted.series}.`) : compareVersions(version, wanted.minimum) >= 0;
}

/** @param {Wanted} wanted */
export function describeWanted(wanted) {
  return "series" in wanted ? `${wanted.series}.x` : `${wanted.minimum} or newer`;
}
