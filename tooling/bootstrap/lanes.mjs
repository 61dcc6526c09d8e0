import { join } from "node:path";
import { checkPackages } from "./check-packages.mjs";
import { seconds } from "./prepare.mjs";
import { readTestCounts } from "./test-counts.mjs";

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
/** @typedef {{ root: string, members: readonly string[], runner: import("./command-runner.mjs").CommandRunner, args: readonly string[] }} LaneContext */

/** @type {readonly { name: string, run(context: LaneContext): Promise<Counts> }[]} */
const LANES = [
  { name: "lint", run: ({ runner }) => oneCommand(runner, "biome", ["check", "--error-on-warnings", "."]) },
  { name: "types", run: ({ runner }) => oneCommand(runner, "tsc", ["-p", "tooling/tsconfig/tests.json"]) },
  { name: "packages", run: checkPackages },
  { name: "vitest", run: runVitest },
];

/**
 * Runs every lane, also after one failed; with arguments only vitest, which gets them. Prints a line per lane, a table
 * and, last, `N passed, N failed`. A lane counts as one test, vitest as those it ran.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runLanes({ root, members }, runner, args) {
  /** @type {string[]} */
  const table = [];
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const lane of args.length === 0 ? LANES : LANES.filter(({ name }) => name === "vitest")) {
    const startedAt = performance.now();
    const counts = await lane.run({ root, members, runner, args });
    const row = `${lane.name.padEnd(14)}${seconds(performance.now() - startedAt)}  ${describeCounts(counts)}`;
    console.log(row);
    table.push(row);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  }
  console.log(["", "Lanes", ...table, "", describeCounts(total)].join("\n"));
  return total.failed === 0 ? 0 : 1;
}

/**
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<Counts>}
 */
async function oneCommand(runner, command, args) {
  const { code, output } = await runner.run(command, args);
  if (code !== 0) console.log(output);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
}

/**
 * @param {LaneContext} context
 * @returns {Promise<Counts>}
 */
async function runVitest({ runner, args }) {
  const report = join(runner.makeTemporaryFolder("vitest-"), "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { code } = await runner.run("vitest", ["run", ...reporters, ...args], { show: true });
  return readTestCounts(report, code);
}

/** @param {Counts} counts */
const describeCounts = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
