import { readFileSync } from "node:fs";
import { ConnectorOptions, defineSchema, type JsonObject, printBytes, printDuration } from "@x/connector-api";
import { expect, test, vi } from "vitest";
import { natsConnector } from "../../src/nats-connector.js";

const page = readFileSync(new URL("../../../../docs/arroyo.md", import.meta.url), "utf8");
const connector = natsConnector({ environment: {} });

/** The cells of the rows of a section's table. */
function rowsOf(section: string): string[][] {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? "";
  const rows = text.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(1).map((line) =>
    line
      .slice(2, -1)
      .split(" | ")
      .map((cell) => cell.trim()),
  );
}

const codeIn = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);

function declaredOptions(): Set<string> {
  const declare = vi.spyOn(ConnectorOptions.prototype, "declare");
  for (const framing of ["none", "newline"]) {
    for (const kind of [
      { type: "source", stream: "S", framing },
      { type: "sink", subject: "s" },
    ]) {
      const options = ConnectorOptions.fromObject({ ...kind, servers: "a", format: "json" });
      connector.fromOptions("t", options, defineSchema({ id: "BIGINT" }));
    }
  }
  const names = new Set(declare.mock.calls.flatMap(([declared]) => [...declared]));
  declare.mockRestore();
  return names;
}

test("every option that a row names exists", () => {
  const declared = declaredOptions();
  declared.add("framing.newline.max_length");
  const named = [
    ...rowsOf("Defaults").flatMap(([option]) => codeIn(option)),
    ...["Configuration", "Reading and writing"].flatMap((section) => rowsOf(section).flatMap((row) => codeIn(row[3]))),
  ];
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((name) => !declared.has(name))).toEqual([]);
});

test("every stored field with Arroyo's default counts as unset", () => {
  const rows = rowsOf("Defaults");
  expect(rows).toHaveLength(14);
  const bare = connector.parseTable({ connectorType: { sourceType: { stream: "S" } } });
  for (const [, field = "", values] of rows) {
    const [name = ""] = codeIn(field);
    const defaults = codeIn(values);
    expect(defaults).not.toEqual([]);
    for (const value of defaults) {
      const stored = { connectorType: { sourceType: { stream: "S", [name]: JSON.parse(value) as unknown } } };
      expect([name, value, connector.parseTable(stored)]).toEqual([name, value, bare]);
    }
  }
});

test("the defaults here are the defaults", () => {
  const { oneOf } = connector.metadata().tableSchema as { oneOf: { properties: Record<string, JsonObject> }[] };
  const fields = Object.entries(oneOf[0]?.properties ?? {});
  for (const [option = "", , , here = ""] of rowsOf("Defaults")) {
    const [name, field] = fields.find(([, each]) => each["x-option"] === codeIn(option)[0]) ?? [];
    if (here.startsWith("the same")) continue;
    if (field?.default === undefined) {
      expect([option, here.startsWith("unset")]).toEqual([option, true]);
      continue;
    }
    const value = field.default;
    const print = name?.endsWith("Ms") ? printDuration : name?.endsWith("Bytes") ? printBytes : String;
    expect([option, codeIn(here)[0]]).toEqual([option, print(value as never)]);
  }
});

test("every stored shape that a row names is read as it says", () => {
  const types = rowsOf("Stored JSON").flatMap(([, here]) => codeIn(here).filter((code) => code.includes('"type"')));
  const read = [{ sourceType: { stream: "S" } }, { sourceType: { subject: "s" } }, { sinkType: { subject: "s" } }].map(
    (connectorType) => `"type": "${connector.parseTable({ connectorType }).type}"`,
  );
  expect(types).toEqual(read);
});
