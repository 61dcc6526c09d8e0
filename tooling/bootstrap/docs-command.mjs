/**
 * What `npm run docs` runs: the API documentation of all packages, into docs/api. A warning is an error.
 * @param {import("./workspace.mjs").Workspace} _workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function buildDocs(_workspace, runner, args) {
  const { code } = await runner.run("typedoc", args, { show: true });
  return code;
}
