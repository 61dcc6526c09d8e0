import { randomBytes } from "node:crypto";
import { chmodSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createNetwork, type DockerNetwork, docker, images } from "../src/playground/docker.js";
import { lastWritten, sequencePipelineSql } from "../src/sequence-pipeline.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

const ROWS = 20_000;
const prefix = `e2e-image-${randomBytes(4).toString("hex")}`;
const server = `${prefix}-server`;
let network: DockerNetwork;
let folder: WorkFolder;
let url: string;

/** As docker/Dockerfile says it is run. */
const hardened = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

beforeAll(async () => {
  folder = openWorkFolder();
  // The image's user is another one.
  chmodSync(folder.path, 0o755);
  network = await createNetwork(prefix);
  const ip = network.addressOf(10);
  await docker("run", "--detach", "--name", server, "--network", prefix, "--ip", ip, images.server("newest"), "-js");
  url = `nats://${ip}:4222`;
});
afterAll(async () => {
  await docker("rm", "--force", "--volumes", server, `${prefix}-pipeline`);
  await docker("volume", "rm", `${prefix}-state`);
  await network[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test("runs as nobody of importance, with nothing but what it needs", async () => {
  const config = JSON.parse(await docker("inspect", "--format", "{{json .Config}}", images.cli));
  expect(config).toMatchObject({ User: "10001:10001", Healthcheck: { Test: ["CMD", "node", "/health.mjs"] } });
  expect(await docker("run", "--rm", ...hardened, images.cli, "--version")).toMatch(/^\d+\.\d+\.\d+$/);
  const left = `const { existsSync } = require("node:fs");
    console.log(["src", "test", "node_modules/typescript", "node_modules/vitest"].filter((name) => existsSync("/app/" + name)));`;
  expect(await docker("run", "--rm", "--entrypoint", "node", images.cli, "--eval", left)).toBe("[]");
  const bytes = Number(await docker("inspect", "--format", "{{.Size}}", images.cli));
  const baseBytes = Number(await docker("inspect", "--format", "{{.Size}}", "nats-e2e-node"));
  // DuckDB alone is 71 MB of it.
  expect(bytes - baseBytes).toBeLessThan(110 * 1024 * 1024);
});

test("runs a pipeline with a read-only root, is healthy, drains on docker stop, and goes on from its state", async () => {
  await using streams = await openStreams(url);
  await streams.add("INPUT", "in.rows");
  await streams.add("OUTPUT", "out.rows");
  await streams.fill(
    "in.rows",
    Array.from({ length: ROWS }, (_, i) => ({ n: i + 1 })),
  );
  folder.write("job.sql", sequencePipelineSql("at_least_once"));
  const start = (): Promise<string> =>
    docker(
      ...["run", "--detach", "--name", `${prefix}-pipeline`, "--network", prefix, ...hardened],
      ...["--health-interval", "1s", "--volume", `${folder.path}:/jobs:ro`, "--volume", `${prefix}-state:/state`],
      ...["--env", `NATS_URL=${url}`, images.cli, "run", "/jobs/job.sql", "--json"],
      ...["--http", ":9464"],
    );
  const manager = await streams.connection.jetstreamManager();
  await start();
  await expect.poll(() => lastWritten(manager), { timeout: 60_000, interval: 100 }).toBe(ROWS);
  await expect
    .poll(() => docker("inspect", "--format", "{{.State.Health.Status}}", `${prefix}-pipeline`), { timeout: 60_000 })
    .toBe("healthy");
  // Healthy is what the pipeline said, not that nobody answered.
  const health = JSON.parse(await docker("inspect", "--format", "{{json .State.Health.Log}}", `${prefix}-pipeline`));
  expect(health.at(-1)).toMatchObject({ ExitCode: 0, Output: "job: ok\n" });
  await docker("stop", "--time", "30", `${prefix}-pipeline`);
  expect(await docker("inspect", "--format", "{{.State.ExitCode}}", `${prefix}-pipeline`)).toBe("0");
  expect(JSON.parse((await docker("logs", `${prefix}-pipeline`)).split("\n").at(-1) ?? "")).toMatchObject({
    pipelines: [{ exitCode: 0, rowsIn: ROWS, rowsOut: ROWS }],
  });

  await docker("rm", `${prefix}-pipeline`);
  await streams.fill("in.rows", [{ n: ROWS + 1 }]);
  await start();
  await expect.poll(() => lastWritten(manager), { timeout: 60_000, interval: 100 }).toBe(ROWS + 1);
  expect(await streams.count("OUTPUT")).toBe(ROWS + 1);
}, 180_000);
