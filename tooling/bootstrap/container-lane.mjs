import { buildImages, removeImages } from "../docker/build-images.mjs";
import { obtainEngine } from "../docker/obtain-engine.mjs";
import { leaveOut, vitestLane } from "./vitest-lane.mjs";

/**
 * Runs the cluster tests in containers and those of the image itself, on the engine that answers, or on one that is
 * installed and started for it. What it makes is gone afterwards. Where there can be no engine the cluster tests have
 * still run, on processes, in the lane before; one loud line says so.
 * @type {import("./lane-runner.mjs").Lane["run"]}
 */
export async function runInContainers(context) {
  const engine = await obtainEngine({ mayInstall: true });
  if ("reason" in engine) {
    console.log(`!!! NO DOCKER: ${engine.reason}. The cluster tests ran on local processes only (lane cluster) !!!`);
    return { passed: 0, failed: 0, skipped: 0 };
  }
  console.log(`containers run on ${engine.from}`);
  const env = { ...context.runner.env, ...engine.env };
  /** @type {readonly string[]} */
  let tags = [];
  try {
    tags = await buildImages(context.root, env);
    const runner = { ...context.runner, run: withEnv(context.runner, { ...engine.env, E2E_ON: "containers" }) };
    const files = ["apps/e2e/test/cluster-", "apps/e2e/test/docker-"];
    return await vitestLane([...files, "--no-file-parallelism", ...leaveOut("*.nightly.test.ts")])({
      ...context,
      runner,
    });
  } catch (error) {
    console.log(error.message);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    removeImages(tags, env);
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
