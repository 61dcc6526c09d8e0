import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorCodes } from "@x/connector-api";
import { builtinFormats } from "@x/formats";
import { builtinStrategies } from "@x/nats-auth";
import { describe, expect, test } from "vitest";
import { filesBelow, root } from "../src/workspace.js";

const namesIn = (folder: string): string[] =>
  filesBelow(folder, /\.ts$/).map((file) => file.path.slice(file.path.lastIndexOf("/") + 1, -".ts".length));

describe("a list and its folder hold the same", () => {
  test("formats", () => {
    const listed = builtinFormats.map((format) => format.name.replaceAll("_", "-"));
    expect([...listed].sort()).toEqual(namesIn("packages/formats/src/formats").sort());
  });

  test("auth strategies", () => {
    const listed = builtinStrategies.map((strategy) => strategy.type);
    expect([...listed].sort()).toEqual(namesIn("packages/nats-auth/src/strategies").sort());
  });

  test("commands", () => {
    const list = readFileSync(join(root, "packages/cli/src/commands.ts"), "utf8");
    for (const name of namesIn("packages/cli/src/commands")) expect(list).toContain(`./commands/${name}.js`);
  });
});

test("docs/errors.md explains every error code with its exit code, and no other", () => {
  const rows = [...readFileSync(join(root, "docs/errors.md"), "utf8").matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)];
  const documented = Object.fromEntries(rows.map(([, code = "", exitCode]) => [code, Number(exitCode)]));
  const thrown = Object.fromEntries(Object.entries(errorCodes).map(([code, { exitCode }]) => [code, exitCode]));
  expect(documented).toEqual(thrown);
});
