import { concludeLanes, runLanes } from "./lane-runner.mjs";
import { recordNight } from "./nightly-record.mjs";
import { vitestLane } from "./vitest-lane.mjs";

/** Of the lane chaos, where nothing else is asked for: other seeds than those of CI, a thousand in 19 set-ups. */
const { CHAOS_SEEDS = "53", CHAOS_FIRST = "1001" } = process.env;

/** @typedef {import("./lane-runner.mjs").Lane & { files: string }} NightlyLane whose tests have `files` in their path */

/**
 * @param {Omit<NightlyLane, "run"> & { env?: NodeJS.ProcessEnv }} lane
 * @returns {NightlyLane}
 */
const ofFiles = ({ env, ...lane }) => ({ ...lane, run: vitestLane([lane.files, "--no-file-parallelism"], env) });

/** What takes longer than a lane of CI may. @type {readonly NightlyLane[]} */
export const NIGHTLY_LANES = [
  ofFiles({
    name: "unplugged",
    shows: "half a minute without the server, under load: memory stays flat, nothing is lost, it resumes by itself",
    limitMinutes: 10,
    files: "/unplugged.nightly",
  }),
  ofFiles({
    name: "soak",
    shows: "half an hour under load: memory, files, consumers and checkpoints stay flat",
    limitMinutes: 40,
    files: "/soak-",
    env: { E2E_SOAK_MINUTES: "30" },
  }),
  ofFiles({
    name: "outages",
    shows: "a source whose leader is killed, and whose stream is deleted",
    limitMinutes: 15,
    files: "/outages.nightly",
  }),
  ofFiles({
    name: "partition",
    shows: "a source whose server loses its cluster without a sign goes to another one",
    limitMinutes: 15,
    files: "/partition.nightly",
  }),
  ofFiles({
    name: "long read",
    shows: "a million messages through cuts and restarts at random, each once and in order",
    limitMinutes: 40,
    files: "/long-read.nightly",
  }),
  ofFiles({
    name: "flat memory",
    shows: "five million messages: memory is a flat line",
    limitMinutes: 40,
    files: "/flat-memory.nightly",
  }),
  ofFiles({
    name: "schemas",
    shows: "Avro and Protobuf schemas at random, many more than in CI",
    limitMinutes: 30,
    files: "/schemas.nightly",
  }),
  ofFiles({
    name: "fuzz",
    shows: "a million spoilt payloads for each format, 50,000 spoilt schemas",
    limitMinutes: 60,
    files: "/fuzz.nightly",
  }),
  ofFiles({
    name: "chaos",
    shows: "exactly once under chaos, as in the lane of CI, with 1,000 seeds",
    limitMinutes: 240,
    files: "/chaos-exactly-once",
    env: { CHAOS_SEEDS, CHAOS_FIRST },
  }),
  ...[2, 3, 4].map((seed) =>
    ofFiles({
      name: `cluster, seed ${seed}`,
      shows: "the disturbances of the cluster lane in another order, with other times",
      limitMinutes: 10,
      files: "/cluster-disturbed",
      env: { E2E_SEED: String(seed) },
    }),
  ),
];

/**
 * What `npm run nightly` runs: every lane, or those that are named. With `--record` the results go into docs/nightly.md.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runNightly({ root, members }, runner, args) {
  const names = args.filter((arg) => arg !== "--record");
  const unknown = names.find((name) => NIGHTLY_LANES.every((lane) => lane.name !== name));
  if (unknown !== undefined) {
    const known = NIGHTLY_LANES.map(({ name }) => `"${name}"`).join(", ");
    console.error(`unknown lane "${unknown}", expected one of: ${known}`);
    return 2;
  }
  const lanes = names.length === 0 ? NIGHTLY_LANES : NIGHTLY_LANES.filter(({ name }) => names.includes(name));
  const results = await runLanes(lanes, { root, members, runner, args: [] });
  if (args.includes("--record")) recordNight(root, NIGHTLY_LANES, results, runner.env);
  return concludeLanes(results);
}
