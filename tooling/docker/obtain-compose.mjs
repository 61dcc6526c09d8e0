import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { obtainDebianProgram } from "./debian-program.mjs";

/**
 * @typedef {object} Compose
 * @property {NodeJS.ProcessEnv} env for the commands that shall have `docker compose`
 * @property {string} from where it is from, for a line of the log
 * @property {() => void} close removes what was made for this run
 */

/** The first that takes `!override` and `!reset`. */
const OLDEST = [2, 24];
/** Where Debian has it as a plugin of the client; bookworm's is the old one in Python. */
const SUITES = ["trixie", "testing", "sid"];
const IN_PACKAGE = "usr/libexec/docker/cli-plugins/docker-compose";

/**
 * `docker compose`: the one that the client has, else Ubuntu's package where root may install it, else Debian's,
 * unpacked into the cache, which takes no root and leaves the machine as it is.
 * @param {{ env: NodeJS.ProcessEnv }} options
 * @returns {Promise<Compose | { reason: string }>} the reason why there is none
 */
export async function obtainCompose({ env }) {
  const none = () => undefined;
  const there = versionOf(env);
  if (isNewEnough(there)) return { env: {}, from: `the client's own ${there}`, close: none };
  const installed = process.getuid?.() === 0 && install(env) ? versionOf(env) : undefined;
  if (isNewEnough(installed)) return { env: {}, from: `the package docker-compose-v2, ${installed}`, close: none };

  const program = await obtainDebianProgram({ name: "docker-compose", path: IN_PACKAGE, suites: SUITES, env });
  if ("reason" in program) {
    return { reason: `docker compose is not there, and Debian's package is not to be had: ${program.reason}` };
  }
  const { path: plugin } = program;
  const folder = mkdtempSync(join(tmpdir(), "docker-config-"));
  const close = () => rmSync(folder, { recursive: true, force: true });
  const found = { ...env, DOCKER_CONFIG: withPlugin(folder, plugin, env) };
  const version = versionOf(found);
  if (isNewEnough(version)) {
    return { env: { DOCKER_CONFIG: found.DOCKER_CONFIG }, from: `Debian's package, ${version}`, close };
  }
  close();
  rmSync(plugin, { force: true });
  return { reason: `Debian's docker compose does not run here, or is too old: ${version ?? "no answer"}` };
}

/** @param {NodeJS.ProcessEnv} env */
function versionOf(env) {
  const { status, stdout } = spawnSync("docker", ["compose", "version", "--short"], { env, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

/** @param {string | undefined} version */
function isNewEnough(version) {
  const [major = 0, minor = 0] =
    /(\d+)\.(\d+)/
      .exec(version ?? "")
      ?.slice(1)
      .map(Number) ?? [];
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** @param {NodeJS.ProcessEnv} env */
function install(env) {
  const args = ["install", "--yes", "--no-install-recommends", "docker-compose-v2"];
  const options = { env: { ...env, DEBIAN_FRONTEND: "noninteractive" }, stdio: /** @type {const} */ ("ignore") };
  return spawnSync("apt-get", args, options).status === 0;
}

/**
 * The client's own configuration, contexts and logins included, with a plugin more.
 * @param {string} folder an empty one
 * @param {string} plugin
 * @param {NodeJS.ProcessEnv} env
 */
function withPlugin(folder, plugin, env) {
  const own = env.DOCKER_CONFIG || join(env.HOME || homedir(), ".docker");
  const names = existsSync(own) ? readdirSync(own).filter((name) => name !== "cli-plugins") : [];
  for (const name of names) symlinkSync(join(own, name), join(folder, name));
  mkdirSync(join(folder, "cli-plugins"));
  symlinkSync(plugin, join(folder, "cli-plugins", "docker-compose"));
  return folder;
}
