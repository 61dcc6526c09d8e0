import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../src/program.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** The first column of the table in a section, as flags; `value` placeholders are left out. */
function flagsUnder(heading: RegExp): string[] {
  const rest = readme.slice(readme.search(heading) + 1);
  const end = rest.indexOf("\n## ");
  const cells = rest.slice(0, end === -1 ? undefined : end).matchAll(/^\| `(--[a-z-]+)/gm);
  return [...cells].map(([, flag = ""]) => flag);
}

/** Commands that do something, by what one types: `checkpoint ls`. */
function leavesOf(command: Command, path: string): [string, Command][] {
  if (command.commands.length === 0) return [[path, command]];
  return command.commands.flatMap((one) => leavesOf(one, `${path} ${one.name()}`.trim()));
}

const program = createProgram(process, () => {});
const leaves = leavesOf(program, "");
const aboutFiles = flagsUnder(/\n## Flags of every command about an SQL file/);
const aboutServers = flagsUnder(/\n## Flags of every command about a server/);

describe.each(leaves)("%s", (path, command) => {
  const flags = command.options.filter((option) => !option.hidden).map((option) => option.long ?? "");

  test("is described in the README with each of its flags, and no other", () => {
    const heading = new RegExp(`\n## \`${path}[ \`]`);
    expect(readme).toMatch(heading);
    const own = flagsUnder(heading);
    const common = flags.includes("--servers") ? aboutServers : flags.includes("--plugin") ? aboutFiles : [];
    const documented = [...own, ...common];
    expect([...documented].sort()).toEqual([...flags].sort());
  });

  test("has help with examples", () => {
    const help: string[] = [];
    command.configureOutput({ writeOut: (text) => void help.push(text) });
    command.outputHelp();
    expect(help.join("")).toContain(`Examples:\n  nats-pipeline ${path}`);
  });
});
