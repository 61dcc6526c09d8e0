import { addToCache } from "../binary-cache.mjs";
import { pinnedVersion } from "../release-pins.mjs";
import { runCommand } from "../run-command.mjs";

/**
 * The binary inside the official image, copied out of a container that is created and never started. Only where a
 * Docker engine answers, and only on Linux: it is a Linux binary.
 * @type {import("../obtain-nats-server.mjs").Step}
 */
export const dockerImage = {
  name: "Docker image",
  async run({ env, platform, cache, wanted }) {
    if (platform !== "linux") return { reason: `its binary does not run on ${platform}` };
    const version = pinnedVersion(wanted);
    if (!version) return { reason: "no image of this series is pinned in tooling/nats-server/release-pins.mjs" };
    await runCommand("docker", ["version", "--format", "{{.Server.Version}}"], { env, timeoutMs: 10_000 });
    const created = await runCommand("docker", ["create", `nats:${version}`], { env, timeoutMs: 180_000 });
    const container = created.trim().split("\n").at(-1) ?? "";
    try {
      return await addToCache(cache, platform, async (target) => {
        await runCommand("docker", ["cp", `${container}:/nats-server`, target], { env, timeoutMs: 60_000 });
      });
    } finally {
      await runCommand("docker", ["rm", "-v", container], { env, timeoutMs: 20_000 }).catch(() => undefined);
    }
  },
};
