import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), "utf8");

it("shows the format that the suite tests", async () => {
  expect(await read("../README.md")).toContain(await read("./testing/hex-format.ts"));
});
