/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {readonly string[]} [failures] what failed and how, a text each: printed once more at the very end
 * @property {readonly string[]} [unstable] what passed at a second try only, and how the first one failed: the same
 */
/** @typedef {{ root: string, members: readonly string[], runner: import("./command-runner.mjs").CommandRunner, args: readonly string[] }} LaneContext */

/**
 * @typedef {object} Lane
 * @property {string} name
 * @property {string} shows one line for docs/ci-lanes.md
 * @property {number} limitMinutes after which its commands are ended and it has failed
 * @property {(context: LaneContext) => Promise<Counts>} run
 */

/** @typedef {{ name: string, counts: Counts, durationMs: number }} LaneResult */

/**
 * Runs every lane, also after one failed. Prints a line at the start and at the end of each, what failed or
 * needed a second try, and a table.
 * @param {readonly Lane[]} lanes
 * @param {LaneContext} context
 * @returns {Promise<readonly LaneResult[]>}
 */
export async function runLanes(lanes, context) {
  /** @type {LaneResult[]} */
  const results = [];
  for (const { name, limitMinutes, run } of lanes) {
    console.log(`==> ${name}`);
    const startedAt = performance.now();
    const counts = await run({ ...context, runner: limitRunner(context.runner, startedAt + limitMinutes * 60_000) });
    const durationMs = performance.now() - startedAt;
    results.push({ name, counts, durationMs });
    console.log(`<== ${name}: ${describeCounts(counts)} in ${seconds(durationMs)}`);
  }
  const row = (/** @type {LaneResult} */ { name, durationMs, counts }) =>
    `${name.padEnd(14)}${seconds(durationMs).padStart(8)}  ${describeCounts(counts)}`;
  const told = (/** @type {"failures" | "unstable"} */ key) =>
    results.flatMap(({ name, counts }) => (counts[key] ?? []).map((text) => `${name}: ${text}`));
  for (const [title, texts] of /** @type {const} */ ([
    ["Passed at a second try", told("unstable")],
    ["Failed", told("failures")],
  ])) {
    if (texts.length > 0) console.log(["", title, ...texts].join("\n"));
  }
  console.log(["", "Lanes", ...results.map(row), ""].join("\n"));
  return results;
}

/**
 * Prints the last line of a run, `N passed, N failed`, over all lanes. A run without a test has failed.
 * @param {readonly LaneResult[]} results
 * @returns {number} the exit code
 */
export function concludeLanes(results) {
  const sum = (/** @type {keyof Counts} */ key) => results.reduce((total, { counts }) => total + counts[key], 0);
  const passed = sum("passed");
  const failed = passed === 0 ? Math.max(1, sum("failed")) : sum("failed");
  console.log(describeCounts({ passed, failed, skipped: sum("skipped") }));
  return failed === 0 ? 0 : 1;
}

/**
 * A lane that is one command and counts as one test.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ show?: boolean }} options without `show` the output is printed only after a failure
 * @returns {Lane["run"]}
 */
export function oneCommand(command, args, { show = false } = {}) {
  return async ({ runner }) => {
    const { code, output } = await runner.run(command, args, { show });
    if (code !== 0) console.log(output);
    return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  };
}

/** @param {Counts} counts */
export const describeCounts = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;

/** @param {number} durationMs */
const seconds = (durationMs) => `${(durationMs / 1000).toFixed(1)} s`;

/**
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @param {number} endAt
 * @returns {import("./command-runner.mjs").CommandRunner}
 */
function limitRunner(runner, endAt) {
  return {
    ...runner,
    run: (command, args, options) =>
      runner.run(command, args, { ...options, limitMs: Math.max(1, endAt - performance.now()) }),
  };
}
