import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Engine
 * @property {NodeJS.ProcessEnv} env for the commands that shall use it
 * @property {string} from where it is from, for a line of the log
 * @property {() => Promise<void>} close ends an engine that was started here and removes all it had; leaves others alone
 */

/** What a started engine needs: user-defined networks between containers, and nothing of the host's own network. */
const FLAGS = ["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false", "--bridge=none"];
const READY_MS = 40_000;

/** Starts the engine and, when the pipe from whoever wanted it ends, removes all it had: also after a crash of that one. */
const KEEPER = `
folder=$1; shift
dockerd "$@" >"$folder/log" 2>&1 </dev/null & pid=$!
cat >/dev/null
export DOCKER_HOST="unix://$folder/docker.sock"
docker ps --all --quiet | xargs -r docker rm --force --volumes >/dev/null 2>&1
docker network prune --force >/dev/null 2>&1
kill "$pid" 2>/dev/null; wait "$pid"
cut -d " " -f 2 /proc/mounts | grep "^$folder/" | sort --reverse | xargs -r umount --lazy
rm -rf "$folder"`;

/**
 * A Docker engine: the one that answers, else one that is started here, which takes Linux, root and `dockerd`; that is
 * installed from the system's packages where `mayInstall` says so.
 * @param {{ mayInstall: boolean, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<Engine | { reason: string }>} the reason why there is none
 */
export async function obtainEngine({ mayInstall, env = process.env }) {
  if (answers(env)) return { env: {}, from: "the engine that answers here", close: async () => undefined };
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    return { reason: "no engine answers, and starting one takes Linux and root" };
  }
  if (!has("dockerd") || !has("docker")) {
    if (!mayInstall || !has("apt-get")) return { reason: "no engine answers, and dockerd is not installed" };
    const why = install();
    if (why) return { reason: why };
  }
  // The second is slow and works on any file system.
  const first = await start([]);
  return "reason" in first ? start(["--storage-driver=vfs"]) : first;
}

/**
 * @param {readonly string[]} more
 * @returns {Promise<Engine | { reason: string }>}
 */
async function start(more) {
  const folder = mkdtempSync(join(tmpdir(), "docker-engine-"));
  const host = `unix://${folder}/docker.sock`;
  const at = (/** @type {string} */ name) => join(folder, name);
  const flags = ["--host", host, "--data-root", at("data"), "--exec-root", at("exec"), "--pidfile", at("pid")];
  const keeper = spawn("/bin/sh", ["-c", KEEPER, "sh", folder, ...flags, ...FLAGS, ...more], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  keeper.unref();
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => keeper.once("exit", () => resolve()));
  const close = () => {
    keeper.ref();
    keeper.stdin.end();
    return ended;
  };
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    if (answers({ ...process.env, DOCKER_HOST: host })) {
      return { env: { DOCKER_HOST: host }, from: "an engine started for this run", close };
    }
    await sleep(200);
    if (/failed to start daemon|error while/i.test(logOf(folder))) break;
  }
  const reason = `dockerd does not start: ${logOf(folder).trim().split("\n").at(-1) ?? ""}`;
  await close();
  return { reason };
}

/** @param {string} folder */
function logOf(folder) {
  try {
    return readFileSync(join(folder, "log"), "utf8");
  } catch {
    return "";
  }
}

/** @param {NodeJS.ProcessEnv} env */
function answers(env) {
  return spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], { env, stdio: "ignore" }).status === 0;
}

/** @param {string} command */
const has = (command) => spawnSync("/bin/sh", ["-c", `command -v ${command}`], { stdio: "ignore" }).status === 0;

/** @returns {string | undefined} what went wrong */
function install() {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (/** @type {string[]} */ ...args) => spawnSync("apt-get", args, { env, encoding: "utf8" });
  const packages = ["install", "--yes", "--no-install-recommends", "docker.io"];
  let result = apt(...packages);
  if (result.status !== 0) {
    apt("update");
    result = apt(...packages);
  }
  return result.status === 0 ? undefined : `docker.io cannot be installed: ${result.stderr.trim().split("\n").at(-1)}`;
}
