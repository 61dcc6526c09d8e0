import { spawn } from "node:child_process";
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startNatsServer } from "@x/nats-testkit";
import { expect, test } from "vitest";
import { stepsOf } from "../src/page-steps.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

const pathOf = (url: string): string => fileURLToPath(new URL(url, import.meta.url));

/** Puts a command on the PATH of the folder's scripts. */
function addCommand(folder: WorkFolder, name: string, script: string): void {
  chmodSync(folder.write(name, `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`), 0o755);
}

function runScript(
  folder: WorkFolder,
  script: string,
  url: string,
): Promise<{ exitCode: number | null; output: string }> {
  const env = { ...process.env, NATS_URL: url, NO_COLOR: "1", PATH: `${folder.path}:${process.env.PATH}` };
  const child = spawn("bash", ["-e", "-c", script], { cwd: folder.path, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      output += text;
    });
  }
  return new Promise((resolve) => child.once("close", (exitCode) => resolve({ exitCode, output })));
}

test("docs/tour.md does what it says, command by command", async () => {
  using folder = openWorkFolder();
  await using server = await startNatsServer();
  addCommand(folder, "nats-pipeline", pathOf("../../../packages/cli/bin/nats-pipeline.js"));
  addCommand(folder, "nats", pathOf("../src/nats-shim.mjs"));
  const steps = stepsOf("docs/tour.md");
  expect(steps.length).toBeGreaterThan(12);
  for (const step of steps) {
    if (step.kind === "file") {
      folder.write(step.name, step.text);
      continue;
    }
    const { exitCode, output } = await runScript(folder, step.script, server.url);
    expect(exitCode, `${step.under}\n${output}`).toBe(step.exitCode);
    for (const line of step.shows) expect(output, step.under).toContain(line);
  }
}, 180_000);
