import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CI_LANES } from "./ci-lanes.mjs";

const FILE = "docs/ci-lanes.md";
const HEAD = ["| lane | shows | limit | tests | time |", "|---|---|---|---|---|"];
const ROW = /^\| ([^|]+) \| ([^|]+) \| (\d+) min \| (\d+) \| (\d+) s \|$/;

/** @typedef {{ name: string, shows: string, limitMinutes: number, tests: number, seconds: number }} LaneTime */

/**
 * The table in docs/ci-lanes.md, row by row. Throws on a row of another format.
 * @param {string} root
 * @returns {readonly LaneTime[]}
 */
export function readLaneTimes(root) {
  const lines = readFileSync(join(root, FILE), "utf8").split("\n");
  const start = lines.indexOf(HEAD[0]);
  if (start === -1) throw new Error(`${FILE}: expected a table that begins with ${HEAD[0]}`);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + HEAD.length, end === -1 ? undefined : end).map((line) => {
    const [, name = "", shows = "", limit, tests, time] = ROW.exec(line) ?? [];
    if (name === "") throw new Error(`${FILE}: expected | lane | shows | N min | N | N s |, got ${line}`);
    return { name, shows, limitMinutes: Number(limit), tests: Number(tests), seconds: Number(time) };
  });
}

/**
 * Writes the table anew: rows of lanes that ran have their new numbers, the others keep theirs.
 * @param {string} root
 * @param {readonly import("./lane-runner.mjs").LaneResult[]} results
 */
export function recordLaneTimes(root, results) {
  const before = readLaneTimes(root);
  const rows = CI_LANES.map(({ name, shows, limitMinutes }) => {
    const ran = results.find((result) => result.name === name);
    const old = before.find((row) => row.name === name);
    const tests = ran ? ran.counts.passed + ran.counts.failed : (old?.tests ?? 0);
    const seconds = ran ? Math.ceil(ran.durationMs / 1000) : (old?.seconds ?? 0);
    return `| ${name} | ${shows} | ${limitMinutes} min | ${tests} | ${seconds} s |`;
  });
  const text = readFileSync(join(root, FILE), "utf8");
  const start = text.indexOf(HEAD[0]);
  const rest = text.slice(start).split("\n");
  const after = rest.slice(rest.findIndex((line) => !line.startsWith("|")));
  writeFileSync(join(root, FILE), [text.slice(0, start) + HEAD[0], HEAD[1], ...rows, ...after].join("\n"));
}
