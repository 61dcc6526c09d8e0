import { runInContainers } from "./container-lane.mjs";
import { oneCommand } from "./lane-runner.mjs";
import { FIRST_E2E, OWN_LANES, TEST_LANES } from "./test-lanes.mjs";
import { leaveOut, vitestLane } from "./vitest-lane.mjs";

/** Everything that has to pass before a change lands, in the order in which it runs. @type {readonly import("./lane-runner.mjs").Lane[]} */
export const CI_LANES = [
  ...TEST_LANES,
  {
    name: "e2e",
    shows: "whole pipelines by the command, from packed packages too",
    limitMinutes: 10,
    run: vitestLane([
      "apps/e2e/test/",
      ...leaveOut(`${FIRST_E2E}.e2e.test.ts`, ...OWN_LANES.map((prefix) => `${prefix}*`), "*.nightly.test.ts"),
    ]),
  },
  {
    name: "chaos",
    shows: "workers and servers are killed and connections cut at random: what was promised holds",
    limitMinutes: 12,
    run: vitestLane(["/chaos-", ...leaveOut("*.nightly.test.ts")]),
  },
  {
    name: "cluster",
    shows: "three nodes: one is killed, isolated, upgraded, and nothing is lost",
    limitMinutes: 12,
    run: vitestLane(["/cluster-", "--no-file-parallelism", ...leaveOut("*.nightly.test.ts")]),
  },
  {
    name: "containers",
    shows: "the same three nodes in Docker, the image of the command, and `docker compose up`",
    limitMinutes: 12,
    run: runInContainers,
  },
  {
    name: "matrix",
    shows: "formats, retentions, Core and deliveries in all combinations; the essential ones on 2.9 and 2.10",
    limitMinutes: 6,
    run: vitestLane(["/matrix-", ...leaveOut("*.nightly.test.ts")]),
  },
  {
    name: "node",
    shows: "Node 22, 24 and 26: installed packages load and compile, the quick start runs",
    limitMinutes: 6,
    run: vitestLane(["apps/e2e/test/node-versions"]),
  },
  {
    name: "soak",
    shows: "two minutes under load: memory, files, consumers and checkpoints stay flat",
    limitMinutes: 5,
    run: vitestLane(["/soak-", ...leaveOut("*.nightly.test.ts")]),
  },
  {
    name: "bench",
    shows: "no ratio of speed is below its floor",
    limitMinutes: 10,
    run: oneCommand("node", ["apps/bench/dist/main.js", "--short"], { show: true }),
  },
  {
    name: "docs",
    shows: "the API documentation builds without a warning",
    limitMinutes: 3,
    run: oneCommand("typedoc", []),
  },
  {
    name: "changesets",
    shows: "what changed is told to users",
    limitMinutes: 1,
    run: oneCommand("changeset", ["status"]),
  },
  {
    name: "quick start",
    shows: "`npm start` from the root, on real data",
    limitMinutes: 3,
    run: oneCommand("npm", ["start"], { show: true }),
  },
];
