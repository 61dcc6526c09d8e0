import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";

/**
 * Packs every published package as `publish` would, and has publint and attw look at the archive: what users import
 * resolves, is typed, and is in the archive.
 * @param {import("./lane-runner.mjs").LaneContext} context
 * @returns {Promise<import("./lane-runner.mjs").Counts>} one test
 */
export async function checkPackages({ root, members, runner }) {
  const queue = members.filter((member) => dirname(member) === join(root, "packages") && !isPrivate(member));
  let failed = false;
  const work = async () => {
    for (let member = queue.shift(); member; member = queue.shift()) {
      const complaint = await checkPackage(member, runner);
      if (!complaint) continue;
      failed = true;
      console.log(`${member}\n${complaint}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
  return { passed: failed ? 0 : 1, failed: failed ? 1 : 0, skipped: 0 };
}

/** @param {string} member */
const isPrivate = (member) => JSON.parse(readFileSync(join(member, "package.json"), "utf8")).private === true;

/**
 * @param {string} member
 * @param {import("./command-runner.mjs").CommandRunner} runner
 * @returns {Promise<string | undefined>} what is wrong
 */
async function checkPackage(member, runner) {
  const folder = runner.makeTemporaryFolder("packed-");
  const packed = await runner.run("pnpm", ["pack", "--pack-destination", folder], { cwd: member });
  const [archive] = readdirSync(folder);
  if (packed.code !== 0 || !archive) return packed.output;
  const checks = await Promise.all([
    runner.run("publint", ["run", join(folder, archive), "--strict"], { cwd: member }),
    runner.run("attw", [join(folder, archive), "--profile", "esm-only", "--no-definitely-typed"], { cwd: member }),
  ]);
  const complaints = checks.filter(({ code }) => code !== 0).map(({ output }) => output);
  return complaints.join("\n") || undefined;
}
