import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readTestCounts } from "./test-counts.mjs";

/** A machine that stands still for seconds is no broken promise: a test that fails gets a second try, and is told of. */
const SECOND_TRY = "--retry=1";
const REPORTER = fileURLToPath(new URL("lane-reporter.mjs", import.meta.url));

/**
 * A lane that runs vitest and counts the tests it ran.
 * @param {readonly string[]} args files to run, flags
 * @param {NodeJS.ProcessEnv} env more of it for the tests
 * @returns {import("./lane-runner.mjs").Lane["run"]}
 */
export function vitestLane(args, env = {}) {
  return async ({ runner }) => {
    const report = join(runner.makeTemporaryFolder("vitest-"), "report.jsonl");
    const reporters = ["--reporter=default", `--reporter=${REPORTER}`, `--outputFile.lane=${report}`];
    const { code } = await runner.run("vitest", ["run", SECOND_TRY, ...reporters, ...args], { show: true, env });
    return readTestCounts(report, code);
  };
}

/**
 * The flags that leave files out, wherever they are.
 * @param {readonly string[]} names patterns of file names
 */
export const leaveOut = (...names) => names.flatMap((name) => ["--exclude", `**/${name}`]);
