import { describe, expect, test } from "vitest";
import { CI_LANES } from "../../bootstrap/ci-lanes.mjs";
import { readLaneTimes } from "../../bootstrap/lane-times.mjs";
import { filesBelow, root } from "../src/workspace.js";

describe("docs/ci-lanes.md", () => {
  const rows = readLaneTimes(root);

  test("holds every lane with what it shows and its limit, in order", () => {
    expect(rows.map(({ name, shows, limitMinutes }) => ({ name, shows, limitMinutes }))).toEqual(
      CI_LANES.map(({ name, shows, limitMinutes }) => ({ name, shows, limitMinutes })),
    );
  });

  test("holds times that fit: each lane into its limit, npm test into 6 minutes, all of them into 40", () => {
    expect(rows.filter(({ seconds, limitMinutes }) => seconds > limitMinutes * 60)).toEqual([]);
    const total = (some: typeof rows): number => some.reduce((sum, { seconds }) => sum + seconds, 0);
    expect(total(rows.slice(0, 4))).toBeLessThanOrEqual(6 * 60);
    expect(total(rows)).toBeLessThanOrEqual(40 * 60);
  });
});

test("every end-to-end test file runs in a lane: its name says which", () => {
  const files = filesBelow("apps/e2e/test", /\.test\.ts$/).map(({ path }) => path);
  expect(files.filter((path) => !/\.(e2e|nightly)\.test\.ts$/.test(path))).toEqual([]);
});
