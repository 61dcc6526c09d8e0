import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findServerBinary } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { openWorkFolder } from "../src/work-folder.js";

const quickStart = fileURLToPath(new URL("../../../examples/quick-start/main.mjs", import.meta.url));

/** Starts the quick start with a temporary folder of its own, so that what it leaves can be seen. */
function startQuickStart(folder: string, args: readonly string[] = []) {
  const child = spawn(process.execPath, [quickStart, ...args], {
    env: { ...process.env, TMPDIR: folder, NATS_SERVER_BIN: findServerBinary() },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      output += text;
    });
  }
  const exitCode = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, exitCode, output: () => output };
}

function expectNothingLeft(folder: string): void {
  expect(readdirSync(folder)).toEqual([]);
  expect(commandLines().filter((line) => line.includes(folder))).toEqual([]);
}

/** Of all processes: from /proc, which every Linux has, else from ps. */
function commandLines(): string[] {
  if (!existsSync("/proc/self/cmdline")) return execFileSync("ps", ["-axo", "args"], { encoding: "utf8" }).split("\n");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return ""; // Gone in the meantime.
      }
    });
}

test.each([150, 400, 900, 2000, 3500])("Ctrl-C after %d ms leaves no process and no folder", async (delayMs) => {
  using folder = openWorkFolder();
  const run = startQuickStart(folder.path, ["--keep"]);
  await sleep(delayMs);
  run.child.kill("SIGINT");
  const exitCode = await run.exitCode;
  // Before its first line has run, the signal itself ends it.
  expect([130, null], run.output()).toContain(exitCode);
  expectNothingLeft(folder.path);
});
