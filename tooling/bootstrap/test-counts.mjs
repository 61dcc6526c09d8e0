import { existsSync, readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

/** Of what an error says this many lines are told again at the end of a run, and of where it comes from these. */
const TOLD_LINES = 12;
const TOLD_FRAMES = 4;

/**
 * What a lane's report says: lane-reporter.mjs. A run that failed although no test did (a file that cannot be loaded, an
 * error that nobody caught, a limit that it passed, no report at all) counts as one failure more.
 * @param {string} report
 * @param {number} exitCode of vitest
 * @returns {import("./lane-runner.mjs").Counts}
 */
export function readTestCounts(report, exitCode) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0, failures: [`no report, exit code ${exitCode}`] };
  const lines = readReport(report);
  const results = lines.filter((line) => line.event === "result");
  const ended = (/** @type {string} */ state) => results.filter((result) => result.state === state);
  const tell = (/** @type {typeof results} */ some) => some.map(({ test, errors }) => told(test, errors));
  const failed = ended("failed");
  const failures = [
    ...tell(failed),
    ...lines.flatMap((line) => (line.event === "broken" ? [told(line.place, line.errors)] : [])),
  ];
  if (!lines.some(({ event }) => event === "end")) failures.push(describeUnderWay(lines, exitCode));
  const brokenRun = exitCode !== 0 && failed.length === 0 ? 1 : 0;
  if (brokenRun === 1 && failures.length === 0) failures.push(`no test failed, exit code ${exitCode}`);
  return {
    passed: ended("passed").length,
    failed: failed.length + brokenRun,
    skipped: ended("skipped").length,
    failures,
    unstable: tell(ended("passed").filter(({ errors }) => errors.length > 0)),
  };
}

/** @typedef {import("./lane-reporter.mjs").ReportLine} ReportLine */

/**
 * @param {string} report
 * @returns {readonly ReportLine[]}
 */
function readReport(report) {
  const lines = readFileSync(report, "utf8").split("\n");
  // What comes after the last line's end was being written when the run was ended.
  return lines.slice(0, -1).map((line) => JSON.parse(line));
}

/**
 * @param {readonly ReportLine[]} lines
 * @param {number} exitCode
 */
function describeUnderWay(lines, exitCode) {
  const done = new Set(lines.flatMap((line) => (line.event === "result" ? [line.test] : [])));
  const open = lines.flatMap((line) => (line.event === "began" && !done.has(line.test) ? [line.test] : []));
  return [`ended early, exit code ${exitCode}; under way were:`, ...(open.length > 0 ? open : ["no tests"])].join(
    "\n    ",
  );
}

/**
 * A text with a title and what each error says: of a test that ran twice, the first try's comes first.
 * @param {string} title
 * @param {readonly import("./lane-reporter.mjs").ReportedError[]} errors
 */
const told = (title, errors) => [title, ...errors.flatMap(describeError)].map((line) => line.trimEnd()).join("\n    ");

/**
 * @param {import("./lane-reporter.mjs").ReportedError} error
 * @returns {readonly string[]} lines: what was thrown, and the places in this repository that it came from
 */
function describeError({ name = "Error", message, diff, cause, stack = "" }) {
  const says = [`${name}: ${message}`, ...(diff ? [diff] : []), ...(cause ? [`because of ${cause.message}`] : [])];
  const lines = stripVTControlCharacters(says.join("\n")).split("\n");
  const frames = stack.split("\n").filter((line) => /^\s*at .*:\d+/.test(line) && !/node_modules|node:/.test(line));
  return [...lines.slice(0, TOLD_LINES), ...frames.slice(0, TOLD_FRAMES).map((frame) => `  ${frame.trim()}`)];
}
