import { basename, join, normalize } from "node:path";
import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { folderNameOf } from "../../src/node/pipeline-folder.js";

const pipeline = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom(".", "/", "\\", "%", "~", "a", "\0", " ") }),
  fc.string({ unit: fc.constantFrom("a", "."), minLength: 140, maxLength: 400 }),
);

describe("folderNameOf", () => {
  test.prop([pipeline])("stays inside its folder and within what file systems take", (name) => {
    const folder = folderNameOf(name);
    expect(normalize(join("/state", folder))).toBe(`/state/${folder}`);
    expect(basename(folder)).toBe(folder);
    expect(folder).toMatch(/^[A-Za-z0-9_%~-](?:[A-Za-z0-9_.%~-]{0,254}[A-Za-z0-9_%~-])?$/);
  });

  test.prop([pipeline, pipeline])("gives different pipelines different folders", (a, b) => {
    expect(folderNameOf(a) === folderNameOf(b)).toBe(a === b);
  });

  it.each([
    ["orders", "orders"],
    ["orders-v1.2", "orders-v1.2"],
    ["..", "%2E%2E"],
    ["../etc", "%2E.%2Fetc"],
    ["", "%"],
    ["a b", "a%20b"],
  ])("of %j is %s", (name, folder) => {
    expect(folderNameOf(name)).toBe(folder);
  });
});
