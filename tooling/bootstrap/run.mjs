/**
 * `node tooling/bootstrap/run.mjs start|test|ci|nightly|docs|bench [args…]`: from a fresh clone to the quick start, the
 * tests, all lanes of CI, the API documentation or the load tests, with nothing but Node and npm on the machine.
 * Arguments of `test` go to vitest, which then runs alone; those of `ci` name lanes.
 */
const NEEDED = [20, 19];

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  console.error(`Node ${NEEDED.join(".")} or newer is needed, this is ${process.versions.node} (${process.execPath}).`);
  process.exit(1);
}

// Loaded late, so that an older Node prints the message above and not a syntax error.
const { openWorkspace } = await import("./workspace.mjs");
const { createCommandRunner } = await import("./command-runner.mjs");
const { prepare } = await import("./prepare.mjs");
const { runTests } = await import("./test-lanes.mjs");
const { runCi } = await import("./ci-command.mjs");
const { runNightly } = await import("./nightly-command.mjs");
const { runQuickStart } = await import("./quick-start-command.mjs");
const { buildDocs } = await import("./docs-command.mjs");
const { runBench } = await import("./bench-command.mjs");

const TASKS = {
  start: runQuickStart,
  test: runTests,
  ci: runCi,
  nightly: runNightly,
  docs: buildDocs,
  bench: runBench,
};

const [name = "", ...args] = process.argv.slice(2);
const task = TASKS[/** @type {keyof typeof TASKS} */ (name)];
if (!task) {
  console.error(
    `expected one of ${Object.keys(TASKS).join(", ")}, got "${name}". Usage: node tooling/bootstrap/run.mjs ${Object.keys(TASKS).join("|")} [args…]`,
  );
  process.exit(2);
}
const workspace = openWorkspace();
const runner = createCommandRunner(workspace);
try {
  await prepare(workspace, runner);
  process.exitCode = await task(workspace, runner, args);
} catch (error) {
  console.error(error.message);
  if (["test", "ci", "nightly"].includes(name)) console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
