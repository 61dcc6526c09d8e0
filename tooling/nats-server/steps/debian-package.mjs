import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { addToCache } from "../binary-cache.mjs";
import { unpackDebianPackage } from "../debian-archive.mjs";

/**
 * The suites that carry what is wanted, best first.
 * @param {import("../server-version.mjs").Wanted} wanted
 */
function suitesFor(wanted) {
  if (!("series" in wanted)) return ["sid", "testing"];
  return { 2.9: ["bookworm"], "2.10": ["trixie"] }[wanted.series] ?? ["sid", "testing"];
}

/**
 * The Debian package, from the mirrors that apt is already set up with; needs no root.
 * @type {import("../obtain-nats-server.mjs").Step}
 */
export const debianPackage = {
  name: "Debian package",
  async run({ env, platform, cache, wanted }) {
    if (platform !== "linux") return { reason: `not on ${platform}` };
    return unpackDebianPackage({
      name: "nats-server",
      suites: suitesFor(wanted),
      env,
      take: (unpacked) =>
        addToCache(cache, platform, (target) => copyFile(join(unpacked, "usr/sbin/nats-server"), target)),
    });
  },
};
