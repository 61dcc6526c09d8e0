import { createHash } from "node:crypto";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { addToCache, binaryName } from "../binary-cache.mjs";
import { pinnedVersion } from "../release-pins.mjs";
import { runCommand } from "../run-command.mjs";

/** @type {Record<string, string>} */
const SYSTEMS = { linux: "linux", darwin: "darwin", win32: "windows", freebsd: "freebsd" };
/** @type {Record<string, string>} */
const ARCHITECTURES = { x64: "amd64", arm64: "arm64", arm: "arm7", ia32: "386", s390x: "s390x", ppc64: "ppc64le" };

/**
 * The archive of the project's own release. It is unpacked only when its SHA-256 is the one in the release's SHA256SUMS.
 * @type {import("../obtain-nats-server.mjs").Step}
 */
export const officialRelease = {
  name: "official release",
  async run({ env, platform, arch, cache, wanted, releaseBaseUrl }) {
    const version = pinnedVersion(wanted);
    const system = SYSTEMS[platform];
    const architecture = ARCHITECTURES[arch];
    if (!version) return { reason: "no release of this series is pinned in tooling/nats-server/release-pins.mjs" };
    if (!system || !architecture) return { reason: `there are no releases for ${platform}-${arch}` };
    const folder = `${releaseBaseUrl}/v${version}`;
    const sums = parseChecksums((await download(`${folder}/SHA256SUMS`, 20_000)).toString("utf8"));
    const stem = `nats-server-v${version}-${system}-${architecture}`;
    const name = [`${stem}.tar.gz`, `${stem}.zip`].find((candidate) => sums.has(candidate));
    if (!name) return { reason: `release ${version} has no ${stem}.tar.gz or .zip` };

    const archive = await download(`${folder}/${name}`, 180_000);
    const actual = createHash("sha256").update(archive).digest("hex");
    if (actual !== sums.get(name)) {
      return { reason: `${name} has the checksum ${actual}, but SHA256SUMS says ${sums.get(name)}: refused` };
    }
    const root = await mkdtemp(join(tmpdir(), "nats-server-release-"));
    try {
      await writeFile(join(root, name), archive);
      // The tar of macOS and Windows reads zip as well; Linux archives are tar.gz.
      await runCommand("tar", ["-xf", name], { env, cwd: root, timeoutMs: 60_000 });
      const files = await readdir(root, { recursive: true });
      const binary = files.find((file) => basename(file) === binaryName(platform));
      if (!binary) return { reason: `${name} holds no ${binaryName(platform)}` };
      return await addToCache(cache, platform, (target) => copyFile(join(root, binary), target));
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  },
};

/**
 * Lines of `<sha256>  <file name>`.
 * @param {string} text
 */
function parseChecksums(text) {
  return new Map(
    [...text.matchAll(/^([0-9a-f]{64})\s+\*?(\S+)\s*$/gm)].map(([, sum, name]) => [basename(name ?? ""), sum]),
  );
}

/**
 * @param {string} url
 * @param {number} timeoutMs
 */
async function download(url, timeoutMs) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    const { cause } = /** @type {{ cause?: { code?: string, message?: string } }} */ (error);
    throw new Error(`${url}: ${cause?.code ?? cause?.message ?? error.message}`, { cause: error });
  }
}
