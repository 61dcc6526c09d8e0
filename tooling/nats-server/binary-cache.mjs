import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { compareVersions, readServerVersion } from "./server-version.mjs";

/** @param {NodeJS.Platform} platform */
export const binaryName = (platform) => (platform === "win32" ? "nats-server.exe" : "nats-server");

/**
 * `${XDG_CACHE_HOME:-~/.cache}/x-nats-connector/nats-server`, which holds `<version>/nats-server`.
 * `@x/nats-testkit` looks in the same place.
 * @param {NodeJS.ProcessEnv} env
 */
export function cacheFolder(env) {
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "x-nats-connector", "nats-server");
}

/**
 * Versions in the cache, newest first. Empty when there is no cache yet.
 * @param {string} folder
 */
export async function listCachedVersions(folder) {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^\d+\.\d+\.\d+$/.test(name)).sort((a, b) => compareVersions(b, a));
}

/**
 * Puts a server into the cache in one rename, so that a reader never sees half of it and two writers never clash.
 * @param {string} folder the cache
 * @param {NodeJS.Platform} platform
 * @param {(target: string) => Promise<void>} write writes the binary to `target`
 * @returns {Promise<{ path: string, version: string }>}
 */
export async function addToCache(folder, platform, write) {
  const draft = join(folder, `.draft-${process.pid}-${randomBytes(4).toString("hex")}`);
  await mkdir(draft, { recursive: true });
  try {
    const target = join(draft, binaryName(platform));
    await write(target);
    await chmod(target, 0o755);
    const version = await readServerVersion(target);
    const home = join(folder, version);
    await rename(draft, home).catch(async (error) => {
      // Somebody else was first, or left a folder that does not work: keep theirs when it runs, else replace it.
      const works = await readServerVersion(join(home, binaryName(platform))).catch(() => undefined);
      if (works === version) return;
      await rm(home, { recursive: true, force: true });
      await rename(draft, home).catch(() => Promise.reject(error));
    });
    return { path: join(home, binaryName(platform)), version };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
