import { existsSync, readFileSync } from "node:fs";
import { relative } from "node:path";

/** Of a failure's message this many lines are told again at the end of a run. */
const TOLD_LINES = 12;

/**
 * What vitest's JSON report says. A run that failed although no test did (a file that cannot be loaded, an unhandled
 * error, no report at all) counts as one failure more.
 * @param {string} report
 * @param {number} exitCode of vitest
 * @returns {import("./lane-runner.mjs").Counts}
 */
export function readTestCounts(report, exitCode) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0, failures: [`no report, exit code ${exitCode}`] };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  const failures = testResults.flatMap((/** @type {TestFile} */ file) => describeTests(file, "failed"));
  const brokenRun = exitCode !== 0 && numFailedTests === 0 ? 1 : 0;
  if (brokenRun === 1 && failures.length === 0) failures.push(`no test failed, exit code ${exitCode}`);
  return {
    passed: numPassedTests,
    failed: numFailedTests + brokenRun,
    skipped: numPendingTests + numTodoTests,
    failures,
    unstable: testResults.flatMap((/** @type {TestFile} */ file) => describeTests(file, "passed")),
  };
}

/** @typedef {{ status: string, fullName: string, failureMessages?: readonly string[] }} TestResult */
/** @typedef {{ name: string, status: string, message?: string, assertionResults: readonly TestResult[] }} TestFile */

/**
 * The tests of a file that ended so and have something to say: why they failed, or why they passed at a second try only.
 * @param {TestFile} file
 * @param {"passed" | "failed"} ended
 */
function describeTests({ name, status, message, assertionResults }, ended) {
  const place = relative(process.cwd(), name);
  const found = assertionResults.filter((test) => test.status === ended && (test.failureMessages ?? []).length > 0);
  const isBroken =
    ended === "failed" && status === "failed" && assertionResults.every((test) => test.status !== "failed");
  if (isBroken) return [told(place, message ?? "")];
  return found.map(({ fullName, failureMessages = [] }) => told(`${place} > ${fullName}`, failureMessages.join("\n")));
}

/** @param {string} title @param {string} message */
const told = (title, message) =>
  [title, ...message.split("\n").slice(0, TOLD_LINES)].map((line) => line.trimEnd()).join("\n    ");
