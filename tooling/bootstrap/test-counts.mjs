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
  const failures = testResults.flatMap(describeFailures);
  const brokenRun = exitCode !== 0 && numFailedTests === 0 ? 1 : 0;
  if (brokenRun === 1 && failures.length === 0) failures.push(`no test failed, exit code ${exitCode}`);
  return {
    passed: numPassedTests,
    failed: numFailedTests + brokenRun,
    skipped: numPendingTests + numTodoTests,
    failures,
  };
}

/** @param {{ name: string, status: string, message?: string, assertionResults: readonly { status: string, fullName: string, failureMessages?: readonly string[] }[] }} file */
function describeFailures({ name, status, message, assertionResults }) {
  const place = relative(process.cwd(), name);
  const failed = assertionResults.filter((test) => test.status === "failed");
  if (failed.length === 0) return status === "failed" ? [told(place, message ?? "")] : [];
  return failed.map(({ fullName, failureMessages = [] }) => told(`${place} > ${fullName}`, failureMessages.join("\n")));
}

/** @param {string} title @param {string} message */
const told = (title, message) =>
  [title, ...message.split("\n").slice(0, TOLD_LINES)].map((line) => line.trimEnd()).join("\n    ");
