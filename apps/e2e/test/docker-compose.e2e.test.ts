import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { codeBlocksOf } from "../src/code-blocks.js";
import { dockerFile } from "../src/compose-file.js";
import { docker, images } from "../src/playground/docker.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder, type WorkFolder } from "../src/work-folder.js";

const run = promisify(execFile);
const project = `e2e-compose-${randomBytes(4).toString("hex")}`;
let folder: WorkFolder;
let start: string;

/** In place of what would be pulled or built, the images of this lane; in place of its ports, some that nobody has. */
const CHANGES = `services:
  n1: { image: ${images.compose}, ports: !override ["127.0.0.1::4222"] }
  n2: { image: ${images.compose}, ports: !override ["127.0.0.1::4222"] }
  n3: { image: ${images.compose}, ports: !override ["127.0.0.1::4222"] }
  orders: { image: ${images.compose} }
  nats: { image: ${images.compose} }
  prometheus: { image: ${images.prometheus}, ports: !override ["127.0.0.1::9090"] }
  pipeline: { image: ${images.cli}, build: !reset null, ports: !override ["127.0.0.1::9464"] }
`;

/** What Prometheus answers a query with: time and value of each series. */
interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

async function compose(line: string): Promise<string> {
  try {
    return (await run("sh", ["-c", `${start} ${line}`])).stdout.trim();
  } catch (error) {
    throw new Error(`docker compose ${line}: ${(error as { stderr?: string }).stderr}`, { cause: error });
  }
}

/** The one command of docker/README.md that holds this text, as it stands there. */
function told(text: string): Promise<string> {
  const lines = codeBlocksOf("docker/README.md", "sh").join("").split("\n");
  const [line = "", ...more] = lines.filter((one) => one.startsWith("docker compose ") && one.includes(text));
  expect([line === "", more], text).toEqual([false, []]);
  return compose(
    line.replace("docker compose ", "").replace("--file docker/compose.yaml ", "").replace(" --build", ""),
  );
}

const addressOf = async (service: string, port: number): Promise<string> => compose(`port ${service} ${port}`);

beforeAll(() => {
  folder = openWorkFolder();
  const changes = folder.write("changes.yaml", CHANGES);
  start = `docker compose --project-name ${project} --file '${dockerFile("compose.yaml")}' --file '${changes}'`;
});
afterAll(async () => {
  await compose('--profile "*" down --volumes --timeout 0');
  folder[Symbol.dispose]();
});

test("docker compose up: three servers and a pipeline, healthy, that goes on without one of them and leaves nothing behind", async () => {
  await told(" up --detach --build");
  const health = async (): Promise<Record<string, string>> => {
    const lines = await compose(`ps --format '{{.Service}} {{.Health}}'`);
    return Object.fromEntries(lines.split("\n").map((line) => line.split(" ")));
  };
  await expect
    .poll(health, { timeout: 120_000, interval: 500 })
    .toEqual({ n1: "healthy", n2: "healthy", n3: "healthy", pipeline: "healthy" });

  await using streams = await openStreams(await addressOf("n2", 4222));
  const manager = await streams.connection.jetstreamManager();
  for (const name of ["ORDERS", "LARGE_ORDERS"]) {
    expect((await manager.streams.info(name)).config.num_replicas, name).toBe(3);
  }
  const expected = Array.from({ length: 200 }, (_, i) => ({ id: 1_001 + i, customer: "c1", total: 1_001 + i }));
  // Beside its position, which is in the stream too.
  const rows = async (): Promise<object[]> => (await streams.rows<object>("LARGE_ORDERS")).filter((row) => "id" in row);
  await told(" pub orders.new ");
  await expect.poll(() => rows().catch(() => []), { timeout: 60_000, interval: 200 }).toEqual(expected);
  expect(await told(" stream ls ")).toMatch(/\bLARGE_ORDERS\b/);

  await told(" kill n1 ");
  for (const stream of ["ORDERS", "LARGE_ORDERS"]) {
    const leader = async (): Promise<unknown> => (await manager.streams.info(stream)).cluster?.leader;
    await expect.poll(() => leader().catch(() => "n1"), { timeout: 60_000, interval: 200 }).toMatch(/^n[23]$/);
  }
  await told(" pub orders.new ");
  await expect
    .poll(() => rows().catch(() => []), { timeout: 60_000, interval: 200 })
    .toEqual([...expected, ...expected]);
  const endpoint = `http://${await addressOf("pipeline", 9464)}`;
  expect((await fetch(`${endpoint}/readyz`)).status).toBe(200);
  expect(await (await fetch(`${endpoint}/metrics`)).text()).toContain('\npipeline_up{pipeline="large-orders"} 1\n');

  // Where it is not to be had the lane says so.
  if ((await docker("image", "ls", "--quiet", images.prometheus)) !== "") {
    await told(" --profile monitoring up ");
    const prometheus = `http://${await addressOf("prometheus", 9090)}`;
    const up = encodeURIComponent('pipeline_up{pipeline="large-orders"}');
    const collected = async (): Promise<unknown> => {
      const { data } = (await (await fetch(`${prometheus}/api/v1/query?query=${up}`)).json()) as QueryAnswer;
      return data.result.map(({ value }) => value[1]);
    };
    await expect.poll(() => collected().catch(() => undefined), { timeout: 60_000, interval: 500 }).toEqual(["1"]);
  }

  await compose("stop pipeline");
  const [id = ""] = (await compose("ps --all --quiet pipeline")).split("\n");
  expect(await docker("inspect", "--format", "{{.State.ExitCode}}", id)).toBe("0");
  await told(" down --volumes");
  for (const kind of ["container", "volume", "network"]) {
    const every = kind === "container" ? ["--all"] : [];
    const left = `label=com.docker.compose.project=${project}`;
    expect(await docker(kind, "ls", ...every, "--quiet", "--filter", left), kind).toBe("");
  }
}, 300_000);
