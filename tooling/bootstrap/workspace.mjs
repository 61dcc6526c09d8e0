import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * @typedef {object} Workspace
 * @property {string} root
 * @property {string} pnpmVersion the pinned one
 * @property {readonly string[]} members every package's folder, the root's first
 */

/** Reads what is in the root's manifests; installs and changes nothing. */
export function openWorkspace() {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const pnpmVersion = /^pnpm@(\d+\.\d+\.\d+)/.exec(manifest.packageManager)?.[1];
  if (!pnpmVersion)
    throw new Error(`packageManager in package.json is "${manifest.packageManager}", expected pnpm@<version>`);
  return { root, pnpmVersion, members: [root, ...listMembers(root)] };
}

/**
 * The folders that `packages` in pnpm-workspace.yaml names: plain folders, or all folders of one.
 * @param {string} root
 */
function listMembers(root) {
  const [, list = ""] =
    /^packages:\n((?: +- .+\n)+)/m.exec(readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")) ?? [];
  const patterns = [...list.matchAll(/- ["']?([^"'\n]+)/g)].map(([, pattern]) => String(pattern));
  const folders = patterns.flatMap((pattern) => {
    if (!pattern.endsWith("/*")) return [join(root, pattern)];
    const parent = join(root, pattern.slice(0, -2));
    return existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : [];
  });
  return folders.filter((folder) => existsSync(join(folder, "package.json"))).sort();
}
