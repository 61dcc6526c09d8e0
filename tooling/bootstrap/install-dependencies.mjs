import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

const SHARED_FILES = ["pnpm-lock.yaml", "pnpm-workspace.yaml", ".npmrc"];

/**
 * `pnpm install --frozen-lockfile`, unless a stamp in node_modules says that lockfile and manifests are those of the
 * last install and every package still has what it was given.
 * @param {import("./workspace.mjs").Workspace} workspace
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @returns {Promise<string>} what was done
 */
export async function installDependencies(workspace, runner) {
  const stampFile = join(workspace.root, "node_modules", ".bootstrap-stamp");
  const stamp = describeManifests(workspace);
  if (isInstalled(workspace) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return "unchanged";
  // With CI set pnpm asks nothing, and there is nobody to answer.
  const { code, output } = await runner.run("pnpm", ["install", "--frozen-lockfile"], { env: { CI: "true" } });
  if (code !== 0) throw new Error(output);
  writeFileSync(stampFile, stamp);
  return "installed";
}

/** @param {import("./workspace.mjs").Workspace} workspace */
function describeManifests({ root, pnpmVersion, members }) {
  const hash = createHash("sha256").update(
    `${pnpmVersion} ${process.versions.modules} ${process.platform} ${process.arch}`,
  );
  const manifests = members.map((member) => join(relative(root, member), "package.json"));
  for (const file of [...SHARED_FILES, ...manifests]) {
    if (existsSync(join(root, file))) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

/** @param {import("./workspace.mjs").Workspace} workspace */
function isInstalled({ members }) {
  return members.every((member) => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(member, "package.json"), "utf8"));
    const names = Object.keys({ ...dependencies, ...devDependencies });
    return names.every((name) => existsSync(join(member, "node_modules", name, "package.json")));
  });
}
