import { cacheFolder } from "./binary-cache.mjs";
import { describeFailure } from "./describe-failure.mjs";
import { cached } from "./steps/cached.mjs";
import { debianPackage } from "./steps/debian-package.mjs";
import { dockerImage } from "./steps/docker-image.mjs";
import { environmentVariable } from "./steps/environment-variable.mjs";
import { officialRelease } from "./steps/official-release.mjs";
import { searchPath, searchPathForOlder } from "./steps/search-path.mjs";

/**
 * @typedef {object} Request
 * @property {NodeJS.ProcessEnv} env
 * @property {NodeJS.Platform} platform
 * @property {string} arch
 * @property {string} cache
 * @property {string} releaseBaseUrl
 * @property {import("./server-version.mjs").Wanted} wanted
 */

/** @typedef {{ path: string, version: string } | { reason: string }} Outcome a server, or why there is none */

/**
 * One way to a server. `run` may throw: an error counts as a reason, and the next step is tried.
 * @typedef {{ name: string, run(request: Request): Promise<Outcome> }} Step
 */

const RELEASES = "https://github.com/nats-io/nats-server/releases/download";
const NEWEST = { minimum: "2.12.0" };

/** Tried in this order. */
const STEPS = [searchPath, cached, debianPackage, officialRelease, dockerImage, searchPathForOlder];

/**
 * Gives the path of a nats-server binary that runs here, and prints which one on stderr in one line. Servers that had
 * to be fetched are kept in the cache. The contract of the options is in `obtain-nats-server.d.mts`.
 * @param {import("./obtain-nats-server.d.mts").ObtainOptions} [options]
 */
export async function obtainNatsServer(options = {}) {
  const env = options.env ?? process.env;
  const log = options.log ?? ((line) => process.stderr.write(`${line}\n`));
  /** @type {Request} */
  const request = {
    env,
    platform: options.platform ?? process.platform,
    arch: options.arch ?? process.arch,
    cache: cacheFolder(env),
    releaseBaseUrl: options.releaseBaseUrl ?? RELEASES,
    wanted: options.series ? { series: options.series } : NEWEST,
  };
  const chosen = await environmentVariable.run(request);
  if ("path" in chosen) return announce(chosen, environmentVariable, log);
  const tried = [{ name: environmentVariable.name, reason: chosen.reason }];
  for (const step of STEPS) {
    const outcome = await step.run(request).catch((error) => ({ reason: error.message }));
    if ("path" in outcome) return announce(outcome, step, log);
    tried.push({ name: step.name, reason: outcome.reason });
  }
  throw new Error(describeFailure(request, tried));
}

/**
 * @param {{ path: string, version: string }} server
 * @param {Step} step
 * @param {(line: string) => void} log
 */
function announce({ path, version }, step, log) {
  log(`nats-server ${version} (${step.name}): ${path}`);
  return { path, version, step: step.name };
}
