/** What `npm start` runs, from the root. */
const QUICK_START = "examples/quick-start/main.mjs";

/**
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runQuickStart(_workspace, runner, args) {
  const { code } = await runner.run(process.execPath, [QUICK_START, ...args], { show: true });
  return code;
}
