import { join } from "node:path";

/**
 * What `npm run bench` runs: the load tests of apps/bench. Their exit code says whether a ratio is below its floor.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {readonly string[]} args lanes and flags, see apps/bench/README.md
 * @returns {Promise<number>} the exit code
 */
export async function runBench({ root }, runner, args) {
  const { code } = await runner.run("node", [join(root, "apps/bench/dist/main.js"), ...args], { show: true });
  return code;
}
