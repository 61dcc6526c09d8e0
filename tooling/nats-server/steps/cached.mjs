import { join } from "node:path";
import { binaryName, listCachedVersions } from "../binary-cache.mjs";
import { describeWanted, isWanted, readServerVersion } from "../server-version.mjs";

/**
 * The newest server in the cache that fits and still runs.
 * @type {import("../obtain-nats-server.mjs").Step}
 */
export const cached = {
  name: "cache",
  async run({ env, platform, cache, wanted }) {
    const reasons = [];
    for (const version of (await listCachedVersions(cache)).filter((version) => isWanted(version, wanted))) {
      const path = join(cache, version, binaryName(platform));
      try {
        return { path, version: await readServerVersion(path, env) };
      } catch (error) {
        reasons.push(error.message);
      }
    }
    return { reason: reasons.join("; ") || `no ${describeWanted(wanted)} in ${cache}` };
  },
};
