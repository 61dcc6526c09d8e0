import { randomBytes } from "node:crypto";
import { chmodSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClusterMember, createClusterView } from "@x/nats-testkit";
import { openWorkFolder } from "../work-folder.js";
import { createNetwork, type DockerNetwork, docker, images } from "./docker.js";
import {
  isHealthy,
  jetstreamIn,
  type Playground,
  type PlaygroundNode,
  type PlaygroundOptions,
  type PlaygroundPipeline,
  type ServerSeries,
} from "./playground.js";

type ContainerNode = PlaygroundNode & ClusterMember & { remove(): Promise<void> };

const SIZE = 3;

/** Containers on a network of their own, which they can be taken off. Needs a Linux host, which reaches them there. */
export async function openContainerPlayground({
  series = "newest",
  firstStore,
}: PlaygroundOptions): Promise<Playground> {
  const folder = openWorkFolder();
  // The image's user is another one.
  chmodSync(folder.path, 0o755);
  const prefix = `e2e-${randomBytes(4).toString("hex")}`;
  const network = await createNetwork(prefix);
  const nodes = Array.from({ length: SIZE }, (_, i) => {
    if (firstStore === undefined || i > 0) return createNode(prefix, i + 1, network);
    const config = folder.write("first.conf", jetstreamIn("/data"));
    return createNode(prefix, i + 1, network, { store: firstStore, config });
  });
  const pipelines: string[] = [];
  await Promise.all(nodes.map((node) => node.restart(series)));
  const view = createClusterView(nodes);
  await view.whenCurrent();
  return {
    nodes,
    ...view,
    async startPipeline(sql, args) {
      const name = `${prefix}-pipeline-${pipelines.length + 1}`;
      pipelines.push(name);
      folder.write(`${name}.sql`, sql);
      const urls = nodes.map(({ client }) => `nats://${client.host}:${client.port}`).join(",");
      return startPipeline(name, network, 100 + pipelines.length, [
        ...["--volume", `${folder.path}:/jobs:ro`, "--env", `NATS_URL=${urls}`, images.cli],
        ...["run", `/jobs/${name}.sql`, ...args],
      ]);
    },
    async [Symbol.asyncDispose]() {
      if (pipelines.length > 0) await docker("rm", "--force", "--volumes", ...pipelines);
      await Promise.all(nodes.map((node) => node.remove()));
      await network[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** With `own` its data and configuration are on this machine, else in a volume. */
function createNode(
  prefix: string,
  n: number,
  network: DockerNetwork,
  own?: { readonly store: string; readonly config: string },
): ContainerNode {
  const name = `${prefix}-${n}`;
  const host = network.addressOf(10 + n);
  const routes = [1, 2, 3]
    .filter((other) => other !== n)
    .map((other) => `nats://${network.addressOf(10 + other)}:6222`);
  let created: ServerSeries | undefined;
  let reachable = false;

  const create = async (series: ServerSeries): Promise<void> => {
    if (created) await docker("rm", "--force", name);
    created = series;
    await docker(
      ...["run", "--detach", "--name", name, "--network", network.name, "--ip", host],
      ...["--volume", `${own?.store ?? name}:/data`, ...(own ? ["--volume", `${own.config}:/own.conf:ro`] : [])],
      ...[images.server(series), "--name", name, "-m", "8222"],
      ...(own ? ["-c", "/own.conf"] : ["-js", "-sd", "/data"]),
      ...["--cluster_name", prefix, "--cluster", "nats://0.0.0.0:6222", "--routes", routes.join(",")],
    );
  };
  return {
    name,
    url: `nats://${host}:4222`,
    client: { host, port: 4222 },
    monitor: { host, port: 8222 },
    isReachable: () => reachable,
    log: () => `docker logs ${name}`,
    async kill() {
      reachable = false;
      await docker("kill", name);
    },
    async pause() {
      reachable = false;
      await docker("pause", name);
    },
    async resume() {
      await docker("unpause", name);
      reachable = true;
    },
    async restart(series = created ?? "newest") {
      reachable = false;
      if (created) await docker("stop", "--time", "20", name);
      if (created === series) await docker("start", name);
      else await create(series);
      reachable = true;
    },
    async isolate() {
      reachable = false;
      await docker("network", "disconnect", network.name, name);
    },
    async rejoin() {
      await docker("network", "connect", "--ip", host, network.name, name);
      reachable = true;
    },
    version: () => versionOf({ host, port: 8222 }),
    isHealthy: () => isHealthy({ host, port: 8222 }),
    async remove() {
      await docker("rm", "--force", name);
      if (own === undefined) await docker("volume", "rm", name);
    },
  };
}

async function versionOf({ host, port }: { host: string; port: number }): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetch(`http://${host}:${port}/varz`, { signal: AbortSignal.timeout(2_000) });
      return ((await answer.json()) as { version: string }).version;
    } catch (error) {
      if (attempt === 50) throw error;
      await sleep(200);
    }
  }
}

/** A pipeline as people run it: from the image, without a right to write anything but its state. */
async function startPipeline(
  name: string,
  network: DockerNetwork,
  address: number,
  args: readonly string[],
): Promise<PlaygroundPipeline> {
  const ip = network.addressOf(address);
  await docker(
    ...["run", "--detach", "--name", name, "--network", network.name, "--ip", ip],
    ...["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", ...args],
  );
  const finished = docker("wait", name).then(async (code) => {
    const output = await docker("logs", name);
    return { exitCode: Number(code), stdout: output, stderr: output };
  });
  return {
    finished,
    stop: async () => void (await docker("kill", "--signal", "SIGTERM", name)),
    isolate: async () => void (await docker("network", "disconnect", network.name, name)),
    rejoin: async () => void (await docker("network", "connect", "--ip", ip, network.name, name)),
  };
}
