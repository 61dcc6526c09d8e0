import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readTestCounts } from "../../bootstrap/test-counts.mjs";

const counts = { numPassedTests: 1, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
const passed = { status: "passed", fullName: "adds", failureMessages: [] };

/** What is read from a report with this in it. */
function read(report: object, exitCode: number) {
  const folder = mkdtempSync(join(tmpdir(), "report-"));
  try {
    writeFileSync(join(folder, "report.json"), JSON.stringify(report));
    return readTestCounts(join(folder, "report.json"), exitCode);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a failed test is told with its file, its name and the beginning of its message", () => {
  const failed = {
    status: "failed",
    fullName: "sums > subtracts",
    failureMessages: ["expected 1 to be 2\n    at line 3"],
  };
  const testResults = [
    { name: join(process.cwd(), "sums.test.ts"), status: "failed", assertionResults: [passed, failed] },
  ];
  expect(read({ ...counts, numFailedTests: 1, testResults }, 1)).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
    failures: ["sums.test.ts > sums > subtracts\n    expected 1 to be 2\n        at line 3"],
    unstable: [],
  });
});

test("a test that needed a second try has passed, and is told with what the first one said", () => {
  const second = { status: "passed", fullName: "adds late", failureMessages: ["timed out"] };
  const testResults = [
    { name: join(process.cwd(), "a.test.ts"), status: "passed", assertionResults: [passed, second] },
  ];
  expect(read({ ...counts, testResults }, 0)).toMatchObject({
    failed: 0,
    failures: [],
    unstable: ["a.test.ts > adds late\n    timed out"],
  });
});

test("a file that cannot be loaded is one failure, told with its reason", () => {
  const testResults = [
    { name: join(process.cwd(), "a.test.ts"), status: "failed", message: "no such module", assertionResults: [] },
  ];
  expect(read({ ...counts, testResults }, 1)).toMatchObject({ failed: 1, failures: ["a.test.ts\n    no such module"] });
});

test("a run that ended badly without a failed test, or without a report, has failed", () => {
  expect(read({ ...counts, testResults: [] }, 1)).toMatchObject({
    failed: 1,
    failures: [expect.stringContaining("1")],
  });
  expect(readTestCounts("nowhere.json", 124)).toMatchObject({
    passed: 0,
    failed: 1,
    failures: [expect.stringContaining("124")],
  });
});
