import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { cacheFolder } from "../nats-server/binary-cache.mjs";
import { unpackDebianPackage } from "../nats-server/debian-archive.mjs";

/**
 * A program out of a Debian package, of the first suite that has it, unpacked into the cache: takes no root and leaves
 * the machine as it is.
 * @param {object} wanted
 * @param {string} wanted.name of the package
 * @param {string} wanted.path of the program in it
 * @param {readonly string[]} wanted.suites
 * @param {NodeJS.ProcessEnv} wanted.env
 * @returns {Promise<{ path: string } | { reason: string }>} the reason why it is not to be had
 */
export async function obtainDebianProgram({ name, path, suites, env }) {
  const program = join(dirname(cacheFolder(env)), name, name);
  if (existsSync(program)) return { path: program };
  const failed = await unpackDebianPackage({
    name,
    suites,
    env,
    take: async (unpacked) => addToCache(join(unpacked, path), program),
  }).catch((error) => ({ reason: error.message }));
  return failed ?? { path: program };
}

/**
 * In one rename, so that nobody ever finds half of it.
 * @param {string} source
 * @param {string} target
 */
function addToCache(source, target) {
  mkdirSync(dirname(target), { recursive: true });
  const draft = `${target}.${process.pid}`;
  copyFileSync(source, draft);
  chmodSync(draft, 0o755);
  renameSync(draft, target);
}
