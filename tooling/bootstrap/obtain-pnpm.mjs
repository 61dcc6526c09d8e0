import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Makes the pinned pnpm the one that commands find: from PATH when it is that version, else from `.tools`, where npm
 * installs it when it is not there yet.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @returns {Promise<string>} where it came from
 */
export async function obtainPnpm({ root, pnpmVersion }, runner) {
  // Outside the workspace: inside it, a pnpm of another version may answer with the version that is pinned.
  const version = () =>
    runner.run("pnpm", ["--version"], { cwd: tmpdir() }).then(
      ({ output }) => output.trim().split("\n").at(-1),
      () => undefined,
    );
  if ((await version()) === pnpmVersion) return `${pnpmVersion} (PATH)`;

  const tools = join(root, ".tools");
  runner.addToPath(process.platform === "win32" ? tools : join(tools, "bin"));
  if ((await version()) === pnpmVersion) return `${pnpmVersion} (.tools)`;

  const { code, output } = await runner.run("npm", [
    ...["install", "--global", "--prefix", tools, "--no-audit", "--no-fund", "--loglevel", "error"],
    `pnpm@${pnpmVersion}`,
  ]);
  if (code !== 0)
    throw new Error(`${output}\nnpm could not install pnpm@${pnpmVersion}; is the npm registry reachable?`);
  if ((await version()) !== pnpmVersion)
    throw new Error(`npm installed pnpm@${pnpmVersion} to ${tools}, but it does not run`);
  return `${pnpmVersion} (installed to .tools)`;
}
