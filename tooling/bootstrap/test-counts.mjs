import { existsSync, readFileSync } from "node:fs";

/**
 * What vitest's JSON report says. A run that failed although no test did (a file that cannot be loaded, an unhandled
 * error, no report at all) counts as one failure more.
 * @param {string} report
 * @param {number} exitCode of vitest
 * @returns {import("./lane-runner.mjs").Counts}
 */
export function readTestCounts(report, exitCode) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, "utf8"));
  const brokenRun = exitCode !== 0 && numFailedTests === 0 ? 1 : 0;
  return { passed: numPassedTests, failed: numFailedTests + brokenRun, skipped: numPendingTests + numTodoTests };
}
