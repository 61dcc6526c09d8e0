import { spawnSync } from "node:child_process";
import { obtainNatsServer } from "../nats-server/obtain-nats-server.mjs";
import { buildComposeImage, buildNodeImage, buildServerImage } from "./local-images.mjs";

const NODE_IMAGE = "nats-e2e-node";
/** As apps/e2e/src/playground/docker.ts names them. */
const SERVER_IMAGE = "nats-e2e-server";
const CLI_IMAGE = "nats-e2e-cli";
const COMPOSE_IMAGE = "nats-e2e-compose";

/**
 * Builds the images that the container lane runs: servers from local binaries, and the command from docker/Dockerfile on
 * a base made of this machine's Node, as nothing can be pulled everywhere.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env names the engine
 * @returns {Promise<readonly string[]>} their tags
 */
export async function buildImages(root, env) {
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
  buildComposeImage(COMPOSE_IMAGE, { base: CLI_IMAGE, server }, env);
  return [`${SERVER_IMAGE}:newest`, `${SERVER_IMAGE}:2.10`, COMPOSE_IMAGE, CLI_IMAGE, NODE_IMAGE];
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
