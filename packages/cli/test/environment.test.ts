import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isFile, readEnvironment, readProfiles, readText } from "../src/environment.js";

const folder = mkdtempSync(join(tmpdir(), "nats-pipeline-environment-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

test("a byte-order mark is no part of a file", () => {
  expect(readText(write("job.sql", "\uFEFFSELECT 1"), "SQL file")).toBe("SELECT 1");
  expect(readProfiles(write("profiles.json", '\uFEFF{"a":{"servers":"x"}}'))).toEqual({ a: { servers: "x" } });
  expect(readEnvironment(write("first.env", "\uFEFFFIRST_NAME=x\n")).FIRST_NAME).toBe("x");
});

test("an environment file has quotes, comments and lines of any system", () => {
  const file = write(
    "job.env",
    "A_1='it''s'\r\nA_2=\"a # b\" # c\r\n\r\n# A_3=x\r\nexport A_4= plain \r\nPATH=nowhere\n",
  );
  const { A_2, A_3, A_4, PATH } = readEnvironment(file);
  expect([A_2, A_3, A_4]).toEqual(["a # b", undefined, "plain"]);
  expect(PATH).toBe(process.env.PATH);
});

test("a word is a file's name only where a file is", () => {
  mkdirSync(join(folder, "ORDERS"));
  expect(isFile(join(folder, "ORDERS"))).toBe(false);
  expect(isFile(join(folder, "orders.>"))).toBe(false);
  expect(isFile(write("orders.sql", ""))).toBe(true);
});
