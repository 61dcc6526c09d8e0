import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findServerBinary } from "../src/index.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "find-server-binary-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const FILE_NAME = process.platform === "win32" ? "nats-server.exe" : "nats-server";

function placeServer(...folders: string[]): string {
  const folder = join(root, ...folders);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, FILE_NAME), "");
  chmodSync(join(folder, FILE_NAME), 0o755);
  return join(folder, FILE_NAME);
}

it("takes NATS_SERVER_BIN before PATH, PATH before the cache", () => {
  const chosen = placeServer("chosen");
  const onPath = placeServer("bin");
  const inCache = placeServer("cache", "x-nats-connector", "nats-server", "2.15.1");
  const PATH = [join(root, "empty"), join(root, "bin")].join(delimiter);
  const XDG_CACHE_HOME = join(root, "cache");
  expect(findServerBinary({ NATS_SERVER_BIN: chosen, PATH, XDG_CACHE_HOME })).toBe(chosen);
  expect(findServerBinary({ PATH, XDG_CACHE_HOME })).toBe(onPath);
  expect(findServerBinary({ PATH: "", XDG_CACHE_HOME })).toBe(inCache);
});

it("passes by a folder of that name", () => {
  placeServer("bin", FILE_NAME);
  const onPath = placeServer("more");
  expect(findServerBinary({ PATH: [join(root, "bin"), join(root, "more")].join(delimiter) })).toBe(onPath);
});

it("takes the newest of the cache, by number, also under HOME", () => {
  placeServer(".cache", "x-nats-connector", "nats-server", "2.9.10");
  const newest = placeServer(".cache", "x-nats-connector", "nats-server", "2.15.1");
  placeServer(".cache", "x-nats-connector", "nats-server", ".draft-1");
  expect(findServerBinary({ HOME: root })).toBe(newest);
});

it("says what to do when there is none, or when NATS_SERVER_BIN is wrong", () => {
  expect(() => findServerBinary({ HOME: root })).toThrow(/Install nats-server .* or set NATS_SERVER_BIN/);
  expect(() => findServerBinary({ NATS_SERVER_BIN: join(root, "none"), HOME: root })).toThrow(
    /NATS_SERVER_BIN is .*expected an executable/,
  );
});
