import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../bench.js";
import { streams } from "../contest/entrant.js";
import type { Outcome } from "../contest/outcome.js";
import { encodeRows, formatOptions } from "../encoded.js";
import { payload } from "../flights.js";
import { quantile } from "../quantile.js";

const SIZE = "100B";
const SCRIPT = fileURLToPath(new URL("../baselines/first-row.js", import.meta.url));
const COMMAND = fileURLToPath(new URL("../bin/nats-pipeline.js", import.meta.resolve("@x/cli")));

/** From starting a process to its first row on stdout, as a user's shell would see it. */
export async function startupLane(bench: Bench): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), "nats-bench-"));
  try {
    await bench.streams.fillInput(await encodeRows("json", payload(SIZE)), 1000);
    const run = (name: string, where: string): string[] => {
      const file = join(folder, `${name}.sql`);
      writeFileSync(file, scriptOf(bench.servers, where));
      return [COMMAND, "run", file, "--state", "memory:", "--max-rows", "1"];
    };
    const programs: Readonly<Record<string, readonly string[]>> = {
      "nats-pipeline run": run("plain", ""),
      "nats-pipeline run with DuckDB": run("duckdb", " WHERE distance > 0"),
      "a script on the client": [SCRIPT, bench.servers],
    };
    const names = Object.keys(programs);
    const times = new Map<string, number[]>(names.map((name) => [name, []]));
    for (let turn = -1; turn < (bench.short ? 3 : 11); turn++) {
      for (const name of turn % 2 === 0 ? names : names.toReversed()) {
        const ms = await firstOutputMs(programs[name] ?? []);
        if (turn >= 0) times.get(name)?.push(ms);
      }
    }
    const median = (name: string): number => quantile(times.get(name) ?? [], 0.5);
    const script = times.get("a script on the client") ?? [];
    const ratios = (times.get("nats-pipeline run") ?? []).map((ms, i) => (script[i] as number) / ms);
    return [
      {
        speeds: [],
        measures: names.map((name) => ({ name: `first row: ${name}`, value: median(name), unit: "ms" })),
        ratios: [
          {
            name: "startup first row: a script on the client / nats-pipeline run",
            value: quantile(ratios, 0.5),
            low: quantile(ratios, 0.25),
            high: quantile(ratios, 0.75),
            cpu: undefined,
          },
        ],
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function scriptOf(servers: string, where: string): string {
  const { columns } = payload(SIZE);
  const options = Object.entries({ servers, ...formatOptions("json", payload(SIZE)) }).map(([k, v]) => `${k} = '${v}'`);
  return `CREATE TABLE flights (${columns})
WITH (connector = 'nats', type = 'source', stream = '${streams.input.name}', ${options.join(", ")});
SELECT * FROM flights${where};
`;
}

function firstOutputMs(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [...args], { stdio: ["ignore", "pipe", "ignore"] });
    let ms: number | undefined;
    child.stdout.on("data", () => {
      ms ??= performance.now() - startedAt;
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (ms === undefined) reject(new Error(`no row came; exit code ${code}`));
      else resolve(ms);
    });
  });
}
