import { CI_LANES } from "./ci-lanes.mjs";
import { concludeLanes, runLanes } from "./lane-runner.mjs";
import { recordLaneTimes } from "./lane-times.mjs";

/**
 * What `.ci/run` runs: every lane, or those that are named. With `--record` the times go into docs/ci-lanes.md.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runCi({ root, members }, runner, args) {
  const names = args.filter((arg) => arg !== "--record");
  const unknown = names.filter((name) => CI_LANES.every((lane) => lane.name !== name));
  if (unknown.length > 0) {
    console.error(`unknown lane "${unknown[0]}", expected one of: ${CI_LANES.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const lanes = names.length === 0 ? CI_LANES : CI_LANES.filter(({ name }) => names.includes(name));
  const results = await runLanes(lanes, { root, members, runner, args: [] });
  if (args.includes("--record")) recordLaneTimes(root, results);
  return concludeLanes(results);
}
