import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { binaryName } from "../binary-cache.mjs";
import { describeWanted, isWanted, readServerVersion } from "../server-version.mjs";

/**
 * Looks through every folder of PATH, so that an old server in front does not hide a newer one behind it.
 * @param {import("../obtain-nats-server.mjs").Request} request
 * @param {import("../server-version.mjs").Wanted} wanted
 * @returns {Promise<import("../obtain-nats-server.mjs").Outcome>}
 */
async function search({ env, platform }, wanted) {
  const reasons = [];
  for (const folder of (env.PATH ?? "").split(platform === "win32" ? ";" : ":")) {
    if (!folder) continue;
    const path = join(folder, binaryName(platform));
    const executable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!executable) continue;
    try {
      const version = await readServerVersion(path, env);
      if (isWanted(version, wanted)) return { path, version };
      reasons.push(`${path} is ${version}, not ${describeWanted(wanted)}`);
    } catch (error) {
      reasons.push(error.message);
    }
  }
  return { reason: reasons.join("; ") || "no nats-server in any folder of PATH" };
}

/** @type {import("../obtain-nats-server.mjs").Step} */
export const searchPath = { name: "PATH", run: (request) => search(request, request.wanted) };

/**
 * The last resort: most of the connector works with 2.10.
 * @type {import("../obtain-nats-server.mjs").Step}
 */
export const searchPathForOlder = {
  name: "PATH, 2.10 or newer",
  async run(request) {
    if ("series" in request.wanted) return { reason: "another series was asked for" };
    return search(request, { minimum: "2.10.0" });
  },
};
