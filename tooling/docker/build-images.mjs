import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { obtainNatsServer } from "../nats-server/obtain-nats-server.mjs";
import { obtainDebianProgram } from "./debian-program.mjs";
import { buildComposeImage, buildNodeImage, buildPrometheusImage, buildServerImage } from "./local-images.mjs";

const NODE_IMAGE = "nats-e2e-node";
/** As apps/e2e/src/playground/docker.ts names them. */
const SERVER_IMAGE = "nats-e2e-server";
const CLI_IMAGE = "nats-e2e-cli";
const COMPOSE_IMAGE = "nats-e2e-compose";
const PROMETHEUS_IMAGE = "nats-e2e-prometheus";

/**
 * Builds the images that the container lane runs: servers from local binaries, and the command from docker/Dockerfile on
 * a base made of this machine's Node, as nothing can be pulled everywhere.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env names the engine
 * @param {(line: string) => void} log is told what stands in for what cannot be had
 * @returns {Promise<readonly string[]>} their tags
 */
export async function buildImages(root, env, log) {
  const silent = { env, log: () => undefined };
  const server = (await obtainNatsServer(silent)).path;
  buildServerImage(`${SERVER_IMAGE}:newest`, server, env);
  buildServerImage(`${SERVER_IMAGE}:2.10`, (await obtainNatsServer({ ...silent, series: "2.10" })).path, env);
  buildNodeImage(NODE_IMAGE, env);
  const registry = spawnSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).stdout.trim();
  const flags = [
    "--network",
    "host",
    "--build-arg",
    `BASE=${NODE_IMAGE}`,
    "--build-arg",
    `NPM_CONFIG_REGISTRY=${registry}`,
  ];
  const build = ["build", "--force-rm", ...flags, "--file", "docker/Dockerfile", "--tag", CLI_IMAGE, "."];
  const { status, stdout, stderr } = spawnSync("docker", build, { cwd: root, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`docker/Dockerfile: ${stdout.slice(-2_000)}\n${stderr.slice(-2_000)}`);
  const tags = [`${SERVER_IMAGE}:newest`, `${SERVER_IMAGE}:2.10`, COMPOSE_IMAGE, CLI_IMAGE, NODE_IMAGE];
  const programs = { nats: await obtainNats(env, log), wget: await obtainWget(env, log) };
  buildComposeImage(COMPOSE_IMAGE, { base: CLI_IMAGE, server, ...programs }, env);
  const prometheus = await obtainDebianProgram({ name: "prometheus", path: "usr/bin/prometheus", suites: SUITES, env });
  if ("reason" in prometheus)
    log(`!!! NO PROMETHEUS: ${prometheus.reason}. That service of docker/compose.yaml did not run !!!`);
  else buildPrometheusImage(PROMETHEUS_IMAGE, prometheus.path, env);
  return "reason" in prometheus ? tags : [...tags, PROMETHEUS_IMAGE];
}

const SUITES = ["trixie", "testing", "sid", "bookworm"];
const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * The command `nats` of this machine, else a stand-in: no package has it.
 * @param {NodeJS.ProcessEnv} env
 * @param {(line: string) => void} log
 */
async function obtainNats(env, log) {
  const found = spawnSync("/bin/sh", ["-c", "command -v nats"], { env, encoding: "utf8" }).stdout.trim();
  if (found !== "") return found;
  log("the command nats is a stand-in: there is none in PATH");
  return here("nats.mjs");
}

/**
 * The `wget` of busybox, as the image nats:alpine has it, else a stand-in.
 * @param {NodeJS.ProcessEnv} env
 * @param {(line: string) => void} log
 */
async function obtainWget(env, log) {
  const busybox = await obtainDebianProgram({ name: "busybox-static", path: "usr/bin/busybox", suites: SUITES, env });
  if ("path" in busybox) return busybox.path;
  log(`the command wget is a stand-in: ${busybox.reason}`);
  return here("wget.mjs");
}

/**
 * @param {readonly string[]} tags
 * @param {NodeJS.ProcessEnv} env
 */
export function removeImages(tags, env) {
  spawnSync("docker", ["image", "rm", "--force", ...tags], { env, stdio: "ignore" });
  // The build stage of docker/Dockerfile, which has no name.
  const stage = ["--filter", "label=nats-pipeline.stage=build"];
  spawnSync("docker", ["image", "prune", "--force", ...stage], { env, stdio: "ignore" });
}
