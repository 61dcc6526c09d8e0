import { checkPackages } from "./check-packages.mjs";
import { concludeLanes, oneCommand, runLanes } from "./lane-runner.mjs";
import { leaveOut, vitestLane } from "./vitest-lane.mjs";

/** End-to-end tests that show in a minute that the product works; the others have lanes of their own in CI. */
export const FIRST_E2E = "(quick-start|readme|errors|examples)";

/** How the names of test files begin that have a lane of their own, wherever they are. */
export const OWN_LANES = ["chaos-", "cluster-", "docker-", "matrix-", "node-versions", "soak-"];

/** @type {readonly import("./lane-runner.mjs").Lane[]} */
export const TEST_LANES = [
  {
    name: "lint",
    shows: "the code is formatted and breaks no rule",
    limitMinutes: 3,
    run: oneCommand("biome", ["check", "--error-on-warnings", "."]),
  },
  {
    name: "types",
    shows: "tests, apps, examples and tooling compile",
    limitMinutes: 3,
    run: oneCommand("tsc", ["-p", "tooling/tsconfig/tests.json"]),
  },
  {
    name: "packages",
    shows: "what would be published resolves and is typed",
    limitMinutes: 3,
    run: checkPackages,
  },
  {
    name: "vitest",
    shows: "units and integration, against real servers; README, quick start and errors end to end",
    limitMinutes: 12,
    run: vitestLane(
      leaveOut(`!${FIRST_E2E}.e2e.test.ts`, ...OWN_LANES.map((prefix) => `${prefix}*`), "*.nightly.test.ts"),
    ),
  },
];

/**
 * What `npm test` runs: all of it, or with arguments only vitest, which gets them. A lane counts as one test, vitest as
 * those it ran.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runTests({ root, members }, runner, args) {
  const lanes =
    args.length === 0 ? TEST_LANES : [{ name: "vitest", shows: "", limitMinutes: 60, run: vitestLane(args) }];
  return concludeLanes(await runLanes(lanes, { root, members, runner, args }));
}
