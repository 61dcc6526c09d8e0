import { obtainNatsServer } from "../nats-server/obtain-nats-server.mjs";
import { installDependencies } from "./install-dependencies.mjs";
import { obtainPnpm } from "./obtain-pnpm.mjs";

/**
 * Everything that has to be there before a test or the quick start can run: pnpm, the dependencies, the build and a
 * nats-server, which the commands that follow find in NATS_SERVER_BIN. Done again it takes a second or two.
 * Rejects with the whole output of the step that failed.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 */
export async function prepare(workspace, runner) {
  await step("pnpm", () => obtainPnpm(workspace, runner));
  await step("dependencies", () => installDependencies(workspace, runner));
  await step("build", async () => {
    const { code, output } = await runner.run("turbo", ["run", "build"]);
    if (code !== 0) throw new Error(output);
    return /Cached: +(.+)/.exec(output)?.[1] ?? "";
  });
  await step("nats-server", async () => {
    /** @type {string[]} */
    const lines = [];
    const { path } = await obtainNatsServer({ env: runner.env, log: (line) => lines.push(line) });
    runner.env.NATS_SERVER_BIN = path;
    return lines.join(" ").replace("nats-server ", "");
  });
}

/**
 * @param {string} name
 * @param {() => Promise<string>} run gives a note for the step's line
 */
async function step(name, run) {
  const startedAt = performance.now();
  try {
    const note = await run();
    console.error(`${name.padEnd(14)}${seconds(performance.now() - startedAt)}  ${note}`);
  } catch (error) {
    throw new Error(`${error.message}\n${name}: failed`, { cause: error });
  }
}

/** @param {number} durationMs */
const seconds = (durationMs) => `${(durationMs / 1000).toFixed(1)} s`.padStart(8);
