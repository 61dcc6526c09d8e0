import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readTestCounts } from "../../bootstrap/test-counts.mjs";
import { root } from "../src/workspace.js";

const folder = mkdtempSync(join(tmpdir(), "report-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What is read from a report of these lines. */
function read(lines: readonly object[], exitCode: number) {
  writeFileSync(join(folder, "lines.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return readTestCounts(join(folder, "lines.jsonl"), exitCode);
}

const adds = { event: "result", test: "a.test.ts > adds", state: "passed", errors: [] };
const end = { event: "end" };

describe("a run of vitest", () => {
  const files = {
    "tries.test.mjs": `
      let tries = 0;
      test("passes", () => {});
      test("passes late", async () => { if (++tries < 2) await new Promise(() => {}); }, 50);
      describe("sums", () => test("fails", () => expect({ sum: 1 }).toEqual({ sum: 2 })));
      test("throws", () => { throw new TypeError("of no use", { cause: new Error("the reason") }); });
      test.skip("is left out", () => {});`,
    "broken.test.mjs": 'throw new Error("no such module");',
    "hooks.test.mjs": `describe("with a server", () => {
      beforeAll(() => { throw new Error("no server"); });
      test("never runs", () => {});
    });`,
    "uncaught.test.mjs": 'test("leaves one behind", () => { void Promise.reject(new Error("nobody listens")); });',
  };
  const report = join(folder, "report.jsonl");
  let counts: ReturnType<typeof readTestCounts>;
  beforeAll(() => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const reporter = join(root, "tooling/bootstrap/lane-reporter.mjs");
    const flags = ["--globals", "--retry=1", `--reporter=${reporter}`, `--outputFile.lane=${report}`];
    const vitest = join(root, "node_modules/vitest/vitest.mjs");
    const { status } = spawnSync(process.execPath, [vitest, "run", "--root", folder, ...flags]);
    counts = readTestCounts(report, status ?? 0);
  });

  test("is counted", () => {
    expect(counts).toMatchObject({ passed: 3, failed: 2 });
  });

  test("that needed a second try is told with what the first one said, also when its time was over", () => {
    expect(counts.unstable).toEqual([
      expect.stringMatching(/^tries\.test\.mjs > passes late\n {4}Error: Test timed out in 50ms\./),
    ]);
  });

  test("is told with what failed in it, how and where, whether a test did or not", () => {
    const told = (start: string): string => counts.failures?.find((text) => text.startsWith(`${start}\n`)) ?? "";
    expect(told("tries.test.mjs > sums > fails")).toMatch(/AssertionError: expected .*\+ {3}"sum": 1.* at .*tries/s);
    expect(told("tries.test.mjs > throws")).toMatch(/TypeError: of no use\n.*because of the reason\n.* at .*tries/);
    expect(told("broken.test.mjs")).toContain("Error: no such module");
    expect(told("hooks.test.mjs > with a server")).toContain("Error: no server");
    expect(told("outside of a test")).toContain("Error: nobody listens");
    expect(counts.failures).toHaveLength(5);
  });

  test("is told of as it goes on: the lines are there before the end", () => {
    const events = readFileSync(report, "utf8").trimEnd().split("\n");
    expect(events.map((line) => (JSON.parse(line) as { event: string }).event).at(-1)).toBe("end");
    expect(events[0]).toContain('"began"');
  });
});

test("a run that was ended by its limit has failed, and tells what was under way", () => {
  const began = (name: string) => ({ event: "began", test: name });
  const lines = [began("a.test.ts > adds"), adds, began("b.test.ts > hangs")];
  expect(read(lines, 124)).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
    failures: ["ended early, exit code 124; under way were:\n    b.test.ts > hangs"],
    unstable: [],
  });
});

test("a run that failed without a failed test counts as one failure, and so does one without a report", () => {
  const broken = { event: "broken", place: "b.test.ts", errors: [{ message: "no such module" }] };
  expect(read([adds, broken, end], 1)).toMatchObject({
    passed: 1,
    failed: 1,
    failures: ["b.test.ts\n    Error: no such module"],
  });
  expect(read([adds, end], 1)).toMatchObject({ failed: 1, failures: [expect.stringContaining("1")] });
  expect(readTestCounts("nowhere.jsonl", 124)).toMatchObject({
    passed: 0,
    failed: 1,
    failures: [expect.stringContaining("124")],
  });
});
