import { type NatsClusterNode, startNatsCluster } from "@x/nats-testkit";
import { obtainNatsServer } from "../../../../tooling/nats-server/obtain-nats-server.mjs";
import { startCli } from "../run-cli.js";
import { openWorkFolder } from "../work-folder.js";
import type { Playground, PlaygroundNode, PlaygroundOptions, ServerSeries } from "./playground.js";
import { isHealthy, jetstreamIn } from "./playground.js";

/** Processes on 127.0.0.1. Pipelines, and nobody else, come by proxies that can hold every byte. */
export async function openProcessPlayground({ series = "newest", firstStore }: PlaygroundOptions): Promise<Playground> {
  const folder = openWorkFolder();
  const cluster = await startNatsCluster({
    bin: await binaryOf(series),
    partitionable: true,
    ...(firstStore !== undefined && { config: [jetstreamIn(firstStore), "", ""] }),
  });
  const nodes = cluster.nodes.map(toNode);
  const known = (node: NatsClusterNode): PlaygroundNode => nodes[cluster.nodes.indexOf(node)] as PlaygroundNode;
  return {
    nodes,
    leaderOf: async (stream) => known(await cluster.leaderOf(stream)),
    stepDown: (stream) => cluster.stepDown(stream),
    whenCurrent: (withinMs) => cluster.whenCurrent(withinMs),
    async nodeOfClient(name) {
      const node = await cluster.nodeOfClient(name);
      return node && known(node);
    },
    async startPipeline(sql, args) {
      const env = { NATS_URL: cluster.urls.join(",") };
      const { child, finished } = startCli(["run", folder.write("job.sql", sql), ...args], { env, cwd: folder.path });
      return {
        finished,
        stop: async () => void child.kill("SIGTERM"),
        async isolate() {
          for (const node of cluster.nodes) node.isolate({ nodes: false });
        },
        async rejoin() {
          for (const node of cluster.nodes) node.rejoin();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await cluster[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

function toNode(node: NatsClusterNode): PlaygroundNode {
  return {
    name: node.name,
    url: node.url,
    kill: () => node.kill(),
    pause: async () => node.pause(),
    resume: async () => node.resume(),
    restart: async (series) => node.restart(series === undefined ? {} : { bin: await binaryOf(series) }),
    isolate: async () => node.isolate(),
    rejoin: async () => node.rejoin(),
    version: async () => node.version,
    isHealthy: () => isHealthy(node.monitor),
  };
}

async function binaryOf(series: ServerSeries): Promise<string> {
  const { path } = await obtainNatsServer(series === "newest" ? {} : { series });
  return path;
}
