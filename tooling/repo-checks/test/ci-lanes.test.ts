import { describe, expect, test } from "vitest";
import { CI_LANES } from "../../bootstrap/ci-lanes.mjs";
import { readLaneTimes } from "../../bootstrap/lane-times.mjs";
import { NIGHTLY_LANES } from "../../bootstrap/nightly-command.mjs";
import { readNight } from "../../bootstrap/nightly-record.mjs";
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

describe("npm run nightly", () => {
  test("has a lane for every file *.nightly.test.ts", () => {
    const files = ["apps", "packages"].flatMap((folder) => filesBelow(folder, /\.nightly\.test\.ts$/));
    expect(files.length).toBeGreaterThan(0);
    const without = files.filter(({ path }) => NIGHTLY_LANES.every((lane) => !path.includes(lane.files)));
    expect(without.map(({ path }) => path)).toEqual([]);
  });

  test("has a row for each of its lanes in docs/nightly.md, with what it shows, in order", () => {
    const rows = [...readNight(root).values()].map((row) => row.split(" | ").slice(0, 2));
    expect(rows).toEqual(NIGHTLY_LANES.map(({ name, shows }) => [`| ${name}`, shows]));
  });
});
