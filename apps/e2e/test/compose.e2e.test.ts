import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { findFreePort, findServerBinary, type NatsServer, startNatsServer } from "@x/nats-testkit";
import type { StreamConfig } from "nats";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { codeBlocksOf } from "../src/code-blocks.js";
import { type ComposeService, dockerFile, mountedAt, readComposeFile } from "../src/compose-file.js";
import { runCli, startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const { services, volumes } = readComposeFile();
const names = ["n1", "n2", "n3"] as const;
const { n1, orders, pipeline, prometheus } = services as Record<string, ComposeService>;
const servers = names.map((name) => services[name] as ComposeService);

/** As docker/README.md publishes them. */
interface Order {
  readonly id: number;
  readonly total: number;
}

/** What a service runs with, from the file that is mounted at the path in its command. */
function fileOf(service: ComposeService | undefined, path: string): string {
  expect(service?.command).toContain(path);
  return readFileSync(mountedAt(service as ComposeService, path) as string, "utf8");
}
const serverConfig = fileOf(n1, "/etc/nats/nats-server.conf");
const streamConfig = JSON.parse(fileOf(orders, "/etc/nats/orders.json")) as StreamConfig;

test("every name in the compose file leads to something", () => {
  for (const [name, { volumes: mounts = [], depends_on = {}, ports = [], environment = {} }] of Object.entries(
    services,
  )) {
    expect(Object.keys(services), name).toEqual(expect.arrayContaining(Object.keys(depends_on)));
    for (const mount of mounts) {
      const [source = ""] = mount.split(":");
      expect(source.startsWith("./") ? existsSync(dockerFile(source)) : source in volumes, `${name}: ${mount}`).toBe(
        true,
      );
    }
    expect(
      ports.filter((port) => !port.startsWith("127.0.0.1:")),
      `${name} is open to this machine only`,
    ).toEqual([]);
    if ("NATS_URL" in environment) {
      expect(environment.NATS_URL).toBe(names.map((server) => `nats://${server}:4222`).join());
    }
  }
  for (const [i, server] of servers.entries()) {
    expect(server.command).toEqual(["--config", "/etc/nats/nats-server.conf", "--name", names[i]]);
    expect(server.volumes).toEqual([...(n1?.volumes?.slice(0, 1) ?? []), `${names[i]}:/data`]);
  }
  expect(pipeline?.build).toEqual({ context: "..", dockerfile: "docker/Dockerfile" });
  const dockerfile = readFileSync(dockerFile("Dockerfile"), "utf8");
  expect(dockerfile).toContain("EXPOSE 9464");
  expect(dockerfile).toContain("VOLUME /state");
  expect(pipeline?.command?.at(-1)).toBe("0.0.0.0:9464");
  const scraped = parse(
    readFileSync(mountedAt(prometheus as ComposeService, "/etc/prometheus/prometheus.yml") ?? "", "utf8"),
  );
  expect(scraped.scrape_configs[0].static_configs).toEqual([{ targets: ["pipeline:9464"] }]);
});

test.each(names)("nats-server takes the command of %s", (name) => {
  const { command = [] } = services[name] as ComposeService;
  const config = mountedAt(services[name] as ComposeService, "/etc/nats/nats-server.conf") ?? "";
  const args = command.map((arg) => (arg === "/etc/nats/nats-server.conf" ? config : arg));
  const { status, stderr } = spawnSync(findServerBinary(), ["-t", ...args], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
});

test("on this machine the same files make a cluster and a pipeline that goes on without one server", {
  timeout: 180_000,
}, async () => {
  using folder = openWorkFolder();
  await using cluster = await startHere(folder.path);
  const health = n1?.healthcheck?.test.at(-1)?.split(":8222")[1];
  for (const monitor of cluster.monitors) {
    await expect.poll(async () => (await fetch(`${monitor}${health}`)).ok, { timeout: 30_000 }).toBe(true);
  }
  const urls = cluster.urls.join();

  await using streams = await openStreams(cluster.urls.slice(1).join());
  const manager = await streams.connection.jetstreamManager();
  // As `docker compose up` does it each time: what is there already is the same.
  for (let i = 0; i < 2; i++) await manager.streams.add(streamConfig);
  const port = await findFreePort();
  const args = (pipeline?.command ?? []).map((arg) => {
    if (arg.startsWith("/jobs/")) return mountedAt(pipeline as ComposeService, arg) ?? "";
    return arg.replace("0.0.0.0:9464", `127.0.0.1:${port}`);
  });
  const options = { cwd: folder.path, env: { NATS_URL: urls } };
  const running = startCli(args, options);
  const order = /'(\{.*\})'/.exec(codeBlocksOf("docker/README.md", "sh").join())?.[1] ?? "";
  const ordersFrom = (first: number, last: number): Order[] =>
    Array.from({ length: last - first + 1 }, (_, i) => JSON.parse(order.replaceAll("{{Count}}", `${first + i}`)));
  await streams.fill("orders.new", ordersFrom(1, 1_200));
  const expected = ordersFrom(1, 1_200).filter(({ total }) => total > 1_000);
  // Beside its position, which is in the stream too.
  const rows = async (): Promise<Order[]> => (await streams.rows<Order>("LARGE_ORDERS")).filter((row) => "id" in row);
  await expect.poll(() => rows().catch(() => []), { timeout: 60_000, interval: 200 }).toEqual(expected);
  expect((await manager.streams.info("LARGE_ORDERS")).config).toMatchObject({ num_replicas: 3, allow_atomic: true });

  await cluster.loseFirst();
  for (const stream of ["ORDERS", "LARGE_ORDERS"]) {
    const leader = async (): Promise<unknown> => (await manager.streams.info(stream)).cluster?.leader;
    await expect.poll(() => leader().catch(() => "n1"), { timeout: 40_000 }).toMatch(/^n[23]$/);
  }
  await streams.fill("orders.new", ordersFrom(1_201, 1_300));
  // 300 orders and the position.
  await expect.poll(() => streams.count("LARGE_ORDERS").catch(() => 0), { timeout: 60_000 }).toBe(301);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain("pipeline_rows_out_total");
  running.child.kill("SIGTERM");
  const result = await running.finished;
  expect(result.exitCode, result.stderr).toBe(0);
  const check = await runCli(["check", ...args.slice(1, 2)], options);
  expect(check.exitCode, check.stdout + check.stderr).toBe(0);
});

interface ComposedCluster extends AsyncDisposable {
  readonly urls: readonly string[];
  readonly monitors: readonly string[];
  /** As `docker compose kill n1`. */
  loseFirst(): Promise<void>;
}

/** The three servers as processes: their file, with addresses of this machine in place of those of the containers. */
async function startHere(folder: string): Promise<ComposedCluster> {
  const ports = await Promise.all(
    names.map(async (name) => ({ name, monitor: await findFreePort(), route: await findFreePort() })),
  );
  const started = await Promise.all(
    ports.map(({ name, monitor, route }): Promise<NatsServer> => {
      const changes = [
        ["http_port: 8222", `http_port: ${monitor}`],
        ["  port: 6222", `  listen: "127.0.0.1:${route}"`],
        ['"/data"', JSON.stringify(`${folder}/${name}`)],
        ...ports.map((other) => [`nats://${other.name}:6222`, `nats://127.0.0.1:${other.route}`] as const),
      ] as const;
      const config = changes.reduce((text, [there, here]) => {
        expect(text).toContain(there);
        return text.replace(there, here);
      }, serverConfig);
      return startNatsServer({ name, config, jetstream: false });
    }),
  );
  return {
    urls: started.map(({ url }) => url),
    monitors: ports.map(({ monitor }) => `http://127.0.0.1:${monitor}`),
    loseFirst: async () => started[0]?.kill(),
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}
