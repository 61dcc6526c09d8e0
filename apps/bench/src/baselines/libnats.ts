import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OpenEntrant, streams, type Timing } from "../contest/entrant.js";
import { encodeRows } from "../encoded.js";
import { payload } from "../flights.js";

const SOURCE = fileURLToPath(new URL("../../native/sink.c", import.meta.url));

/** Builds the C program; says why not where there is no compiler or no libnats. */
function compile(target: string): string | undefined {
  const { error, status } = spawnSync("cc", ["-O2", "-o", target, SOURCE, "-lnats"], { encoding: "utf8" });
  if (error !== undefined) return "there is no C compiler";
  return status === 0 ? undefined : "libnats and its header are not installed (Debian: libnats-dev)";
}

/** Undefined when the C client can be measured here. */
export function whyNoLibnats(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "nats-bench-"));
  try {
    return compile(join(folder, "sink"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The C client, in a process of its own that says what it used. It sends one payload over and over. */
export const libnatsSink: OpenEntrant = async ({ servers, count, payload: name, format }) => {
  const folder = mkdtempSync(join(tmpdir(), "nats-bench-"));
  const program = join(folder, "sink");
  const missing = compile(program);
  if (missing !== undefined) throw new Error(missing);
  const [first] = await encodeRows(format, payload(name));
  return {
    prepare: async () => () =>
      new Promise<Timing>((resolve, reject) => {
        const child = spawn(program, [servers, streams.output.subject, String(count)], {
          stdio: ["pipe", "pipe", "inherit"],
        });
        let output = "";
        child.stdout.on("data", (chunk: Buffer) => {
          output += chunk.toString();
        });
        child.once("error", reject);
        child.once("exit", (code) => {
          const [ms, cpuMs] = output.split(" ").map(Number);
          if (code !== 0 || ms === undefined || cpuMs === undefined) reject(new Error(`it ended with ${code}`));
          else resolve({ ms, cpuMs });
        });
        child.stdin.end(first);
      }),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
};
