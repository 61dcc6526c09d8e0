import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { floors } from "../src/floors.js";
import { renderPage } from "../src/results/page.js";
import { PAGE_FILE, README_FILE, withSummary } from "../src/results/publish.js";
import { readRecord } from "../src/results/run-record.js";

const record = readRecord();

test("the README's numbers are those of the reference run", () => {
  const readme = readFileSync(README_FILE, "utf8");
  expect(withSummary(readme, record)).toBe(readme);
});

test("the page is that of the reference run", () => {
  expect(readFileSync(PAGE_FILE, "utf8")).toBe(renderPage(record));
});

test("every floor is about a ratio that the reference run has", () => {
  const measured = Object.values(record).flatMap(({ outcomes }) => outcomes.flatMap(({ ratios }) => ratios));
  const names = measured.map(({ name }) => name);
  expect(Object.keys(floors).filter((name) => !names.includes(name))).toEqual([]);
});

test("CI asks for less than the goal, and the reference run gives it", () => {
  const measured = Object.values(record).flatMap(({ outcomes }) => outcomes.flatMap(({ ratios }) => ratios));
  for (const [name, { ci, goal }] of Object.entries(floors)) {
    expect(ci, name).toBeLessThanOrEqual(goal);
    for (const ratio of measured.filter((one) => one.name === name))
      expect(ratio.high, name).toBeGreaterThanOrEqual(ci);
  }
});
