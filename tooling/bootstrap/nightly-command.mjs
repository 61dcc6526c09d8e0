import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { concludeLanes, describeCounts, runLanes } from "./lane-runner.mjs";
import { vitestLane } from "./vitest-lane.mjs";

const RECORD = "docs/nightly.md";
/** Of the lane chaos, where nothing else is asked for: other seeds than those of CI, a thousand in 16 set-ups. */
const { CHAOS_SEEDS = "63", CHAOS_FIRST = "1001" } = process.env;
const HEAD = ["| lane | shows | result | minutes |", "|---|---|---|---|"];

/** What takes longer than a lane of CI may. @type {readonly import("./lane-runner.mjs").Lane[]} */
export const NIGHTLY_LANES = [
  {
    name: "nightly tests",
    shows: "the files `*.nightly.test.ts`: longer runs and rarer cases",
    limitMinutes: 120,
    run: vitestLane([".nightly.test.ts", "--no-file-parallelism"]),
  },
  {
    name: "soak",
    shows: "half an hour under load: memory, files, consumers and checkpoints stay flat",
    limitMinutes: 40,
    run: vitestLane(["/soak-"], { E2E_SOAK_MINUTES: "30" }),
  },
  {
    name: "chaos",
    shows: "exactly once under chaos, as in the lane of CI, with 1,000 seeds",
    limitMinutes: 240,
    run: vitestLane(["/chaos-exactly-once"], { CHAOS_SEEDS, CHAOS_FIRST }),
  },
  ...[2, 3, 4].map((seed) => ({
    name: `cluster, seed ${seed}`,
    shows: "the disturbances of the cluster lane in another order, with other times",
    limitMinutes: 10,
    run: vitestLane(["cluster-disturbed"], { E2E_SEED: String(seed) }),
  })),
];

/**
 * What `npm run nightly` runs: every lane, or those that are named. The results go into docs/nightly.md.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runNightly({ root, members }, runner, args) {
  const lanes = args.length === 0 ? NIGHTLY_LANES : NIGHTLY_LANES.filter(({ name }) => args.includes(name));
  const results = await runLanes(lanes, { root, members, runner, args: [] });
  const text = readFileSync(join(root, RECORD), "utf8");
  writeFileSync(join(root, RECORD), withResults(text, results));
  return concludeLanes(results);
}

/**
 * The page with the rows of these results; rows of lanes that did not run stay.
 * @param {string} text
 * @param {readonly import("./lane-runner.mjs").LaneResult[]} results
 */
function withResults(text, results) {
  const start = text.indexOf(HEAD[0]);
  const [table = "", ...rest] = text.slice(start).split("\n\n");
  const rows = NIGHTLY_LANES.map(({ name, shows }) => {
    const ran = results.find((result) => result.name === name);
    if (!ran) return table.split("\n").find((row) => row.startsWith(`| ${name} |`)) ?? `| ${name} | ${shows} | – | – |`;
    return `| ${name} | ${shows} | ${describeCounts(ran.counts)} | ${Math.ceil(ran.durationMs / 60_000)} |`;
  });
  return [text.slice(0, start) + [...HEAD, ...rows].join("\n"), ...rest].join("\n\n");
}
