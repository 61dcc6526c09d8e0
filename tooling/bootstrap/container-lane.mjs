import { buildImages, removeImages } from "../docker/build-images.mjs";
import { obtainCompose } from "../docker/obtain-compose.mjs";
import { obtainEngine } from "../docker/obtain-engine.mjs";
import { leaveOut, vitestLane } from "./vitest-lane.mjs";

/**
 * Runs the cluster tests in containers, those of the image itself and docker/compose.yaml, on the engine that answers, or
 * on one that is installed and started for it. What it makes is gone afterwards. Where there can be no engine the cluster
 * tests have still run, on processes, in the lane before; one loud line says so, and one where there is no compose.
 * @type {import("./lane-runner.mjs").Lane["run"]}
 */
export async function runInContainers(context) {
  const engine = await obtainEngine({ mayInstall: true });
  if ("reason" in engine) {
    console.log(`!!! NO DOCKER: ${engine.reason}. The cluster tests ran on local processes only (lane cluster) !!!`);
    return { passed: 0, failed: 0, skipped: 0 };
  }
  console.log(`containers run on ${engine.from}`);
  const found = await obtainCompose({ env: { ...context.runner.env, ...engine.env } });
  const compose = "reason" in found ? undefined : found;
  if (compose) console.log(`docker compose is ${compose.from}`);
  else if ("reason" in found)
    console.log(`!!! NO DOCKER COMPOSE: ${found.reason}. docker/compose.yaml ran on processes only !!!`);
  const withCompose = { ...engine.env, ...compose?.env };
  const env = { ...context.runner.env, ...withCompose };
  /** @type {readonly string[]} */
  let tags = [];
  try {
    tags = await buildImages(context.root, env, console.log);
    const runner = { ...context.runner, run: withEnv(context.runner, { ...withCompose, E2E_ON: "containers" }) };
    const files = ["apps/e2e/test/cluster-", "apps/e2e/test/docker-"];
    const out = leaveOut("*.nightly.test.ts", ...(compose ? [] : ["docker-compose*"]));
    return await vitestLane([...files, "--no-file-parallelism", ...out])({
      ...context,
      runner,
    });
  } catch (error) {
    console.log(error.message);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    removeImages(tags, env);
    compose?.close();
    await engine.close();
  }
}

/**
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {NodeJS.ProcessEnv} env
 * @returns {import("./command-runner.mjs").CommandRunner["run"]}
 */
function withEnv(runner, env) {
  return (command, args, options) => runner.run(command, args, { ...options, env: { ...options?.env, ...env } });
}
