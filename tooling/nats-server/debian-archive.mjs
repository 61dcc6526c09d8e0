import { access, chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./run-command.mjs";

const SUITES = /^(sid|unstable|testing|stable|oldstable|bullseye|bookworm|trixie|forky|duke)$/;
const KEYRINGS = ["debian-archive-keyring.gpg", "debian-archive-keyring.pgp"].map(
  (name) => `/usr/share/keyrings/${name}`,
);
const UPDATE_TIMEOUT_MS = 120_000;

/**
 * Unpacks a Debian package, of whatever suite, from the mirrors that apt is already set up with, by apt itself in a
 * private root: signatures are verified, no root is needed and the machine's own package lists stay as they are.
 * @template Taken
 * @param {object} wanted
 * @param {string} wanted.name
 * @param {readonly string[]} wanted.suites in the order of preference
 * @param {NodeJS.ProcessEnv} wanted.env
 * @param {(unpacked: string) => Promise<Taken>} wanted.take of the unpacked files, which are gone afterwards; where it
 *   rejects the next suite is tried
 * @returns {Promise<Taken | { reason: string }>}
 */
export async function unpackDebianPackage({ name, suites, env, take }) {
  const root = await mkdtemp(join(tmpdir(), "debian-archive-"));
  try {
    // apt's download helper runs as another user, who must be able to get in.
    await chmod(root, 0o755);
    for (const folder of ["state/lists/partial", "cache/archives/partial"]) {
      await mkdir(join(root, folder), { recursive: true });
    }
    await writeFile(join(root, "status"), "");
    const architecture = (await runCommand("dpkg", ["--print-architecture"], { env, timeoutMs: 10_000 })).trim();
    const reasons = [];
    for (const mirror of await listMirrors(root, env)) {
      for (const suite of suites) {
        try {
          const source = `[arch=${architecture}${await signedBy()}] ${mirror} ${suite} main`;
          const unpacked = join(root, "unpacked", suite);
          await mkdir(unpacked, { recursive: true });
          const deb = await download(root, env, source, name);
          await runCommand("dpkg-deb", ["-x", deb, unpacked], { env, timeoutMs: 60_000 });
          return await take(unpacked);
        } catch (error) {
          reasons.push(`${suite}: ${error.message}`);
        }
      }
    }
    return { reason: reasons.join("; ") || "apt is set up with no Debian mirror" };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** @param {string} root */
const privateRoot = (root) => [
  ...["-o", `Dir::State=${root}/state`, "-o", `Dir::State::status=${root}/status`, "-o", `Dir::Cache=${root}/cache`],
  ...["-o", "Acquire::Languages=none", "-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"],
];

/**
 * Where apt would fetch Debian's suites from, whatever the format of its source lists; asks nothing over the network.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 */
async function listMirrors(root, env) {
  const uris = await runCommand("apt-get", [...privateRoot(root), "--print-uris", "update"], {
    env,
    timeoutMs: 20_000,
  });
  const mirrors = [...uris.matchAll(/^'(.+)\/dists\/([^/]+)\/InRelease'/gm)];
  return new Set(mirrors.filter(([, , suite]) => SUITES.test(suite ?? "")).map(([, mirror]) => mirror));
}

/** The archive's own keyring where it is installed; else apt decides by the keys it trusts. */
async function signedBy() {
  for (const keyring of KEYRINGS) {
    const found = await access(keyring).then(
      () => true,
      () => false,
    );
    if (found) return ` signed-by=${keyring}`;
  }
  return "";
}

/**
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @param {string} source the rest of a `deb` line
 * @param {string} name
 * @returns {Promise<string>} the path of the package
 */
async function download(root, env, source, name) {
  await writeFile(join(root, "sources.list"), `deb ${source}\n`);
  const options = [
    ...privateRoot(root),
    "-o",
    `Dir::Etc::SourceList=${root}/sources.list`,
    "-o",
    "Dir::Etc::SourceParts=/dev/null",
  ];
  const limits = ["-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"];
  const folder = await mkdtemp(join(root, "download-"));
  await chmod(folder, 0o777);
  const run = { env, cwd: folder, timeoutMs: UPDATE_TIMEOUT_MS };
  await runCommand("apt-get", [...options, ...limits, "-o", "APT::Update::Error-Mode=any", "update"], run);
  await runCommand("apt-get", [...options, ...limits, "download", name], run);
  const [deb] = (await readdir(folder)).filter((file) => file.endsWith(".deb"));
  if (!deb) throw new Error("apt-get download left no package");
  return join(folder, deb);
}
