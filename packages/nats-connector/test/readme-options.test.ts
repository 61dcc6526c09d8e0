import { readFileSync } from "node:fs";
import { ConnectorOptions, defineSchema } from "@x/connector-api";
import { builtinFormats } from "@x/formats";
import { expect, test, vi } from "vitest";
import { natsConnector } from "../src/index.js";

const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
const section = readme.slice(readme.indexOf("\n## Options"), readme.indexOf("\n## Commands"));

/** Every name that any kind of table and any format declares. */
function declaredNames(): Set<string> {
  const declared = new Set<string>();
  const declare = vi.spyOn(ConnectorOptions.prototype, "declare");
  const kinds = [
    { type: "source", stream: "S" },
    { type: "source", subject: "s" },
    { type: "sink", stream: "S", subject: "s" },
    { type: "sink", subject: "s" },
  ];
  for (const kind of kinds) {
    for (const format of builtinFormats) {
      const options = ConnectorOptions.fromObject({ ...kind, servers: "localhost", format: format.name });
      try {
        natsConnector().fromOptions("t", options, defineSchema({ value: "JSON" }));
      } catch {
        // Another format wants other columns or more options: only what was declared counts here.
      }
    }
  }
  for (const [names] of declare.mock.calls) for (const name of names) declared.add(name);
  declare.mockRestore();
  return declared;
}

test("the README's option table names every option, and no other", () => {
  const documented = new Set(
    [...section.matchAll(/`([a-z][a-z0-9_]*(?:\.[a-z0-9_*]+)*)(?: = '[a-z]+')?`/g)].map(([, name = ""]) => name),
  );
  const declared = declaredNames();
  expect([...declared].filter((name) => !documented.has(name)).sort()).toEqual([]);
  // The first cell of each row names options and nothing else.
  const firstCells = [...section.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  );
  expect(firstCells.length).toBeGreaterThan(30);
  expect(firstCells.filter((name) => !declared.has(name))).toEqual([]);
});
