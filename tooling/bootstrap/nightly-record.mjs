import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describeCounts } from "./lane-runner.mjs";

const FILE = "docs/nightly.md";
const HEAD = ["| lane | shows | result | time | on | with |", "|---|---|---|---|---|---|"];

/** @typedef {Pick<import("./nightly-command.mjs").NightlyLane, "name" | "shows">} Row */

/**
 * Writes the table of docs/nightly.md anew: rows of lanes that ran have their new results, the others keep theirs.
 * @param {string} root
 * @param {readonly Row[]} lanes
 * @param {readonly import("./lane-runner.mjs").LaneResult[]} results
 * @param {NodeJS.ProcessEnv} env names the server
 */
export function recordNight(root, lanes, results, env) {
  const before = readNight(root);
  const text = readFileSync(join(root, FILE), "utf8");
  const start = text.indexOf(HEAD[0]);
  const rest = text.slice(start).split("\n");
  const after = rest.slice(rest.findIndex((line) => !line.startsWith("|")));
  const setup = describeSetup(root, env);
  const rows = lanes.map(({ name, shows }) => {
    const ran = results.find((result) => result.name === name);
    if (!ran) return before.get(name) ?? `| ${name} | ${shows} | not run | – | – | – |`;
    const today = new Date().toISOString().slice(0, 10);
    return `| ${name} | ${shows} | ${describeCounts(ran.counts)} | ${Math.ceil(ran.durationMs / 1000)} s | ${today} | ${setup} |`;
  });
  writeFileSync(join(root, FILE), [text.slice(0, start) + HEAD[0], HEAD[1], ...rows, ...after].join("\n"));
}

/**
 * The rows of docs/nightly.md by lane.
 * @param {string} root
 * @returns {ReadonlyMap<string, string>}
 */
export function readNight(root) {
  const lines = readFileSync(join(root, FILE), "utf8").split("\n");
  const start = lines.indexOf(HEAD[0]);
  if (start === -1) throw new Error(`${FILE}: expected a table that begins with ${HEAD[0]}`);
  const rows = lines.slice(start + HEAD.length);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return new Map(rows.slice(0, end === -1 ? undefined : end).map((row) => [row.split(" | ")[0]?.slice(2) ?? "", row]));
}

/**
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 */
function describeSetup(root, env) {
  const answer = (/** @type {string} */ command, /** @type {string[]} */ ...args) =>
    execFileSync(command, args, { cwd: root, encoding: "utf8" }).trim();
  const server = answer(env.NATS_SERVER_BIN ?? "nats-server", "--version").replace(": v", " ");
  const commit = answer("git", "rev-parse", "--short", "HEAD");
  return `Node ${process.versions.node}, ${server}, ${availableParallelism()} cores, commit ${commit}`;
}
