import { randomBytes } from "node:crypto";
import type { ClientTls, Login } from "./ask-server.js";
import { type ClusterNetwork, openClusterNetwork } from "./cluster-network.js";
import { type ClusterMember, type ClusterView, createClusterView } from "./cluster-view.js";
import { findServerBinary } from "./find-server-binary.js";
import { findFreePort } from "./free-port.js";
import { createNatsServer, type NatsServer, type NatsServerOptions, PORT_TAKEN } from "./nats-server.js";

export interface NatsClusterOptions extends Pick<NatsServerOptions, "maxPayloadBytes" | "readyTimeoutMs"> {
  /** How many nodes, at least 2. Default: 3. */
  size?: number;
  /** The binary of every node, or one per node, in order. Default: see `findServerBinary`. */
  bin?: string | readonly string[];
  /** More configuration for every node, or for each, in order. */
  config?: string | readonly string[];
  /** Nodes tell clients of each other. Default: true. `false` where clients must stay on the addresses they know. */
  advertise?: boolean;
  /** What the cluster's own requests say in CONNECT where `config` asks for credentials, such as `{ user, pass }`. */
  login?: Login;
  /** How the cluster's own requests speak TLS where `config` asks for it, such as `{ ca }`. */
  tls?: ClientTls;
  /** All connections go through proxies of this process, so that nodes can be isolated. Default: false. */
  partitionable?: boolean;
}

/** A node: a server like any other, and what the cluster knows about it. */
export interface NatsClusterNode extends NatsServer, ClusterMember {
  log(): string;
  /**
   * Cuts the node off without a sign, as when a switch fails: connections stay open and no byte arrives, from the other
   * nodes, from clients that came by `cluster.urls`, or from both, which is the default. Takes the place of an isolation
   * before. Needs `partitionable`.
   */
  isolate(from?: { nodes?: boolean; clients?: boolean }): void;
  /** Ends the isolation; what was held arrives, unless the other end is still isolated. */
  rejoin(): void;
}

/**
 * nats-server processes on 127.0.0.1 that form one JetStream cluster. Each node can be killed, paused, stopped and
 * restarted like a single server; its `restart` resolves when the node answers, `whenCurrent` when it has caught up.
 */
export interface NatsCluster extends ClusterView<NatsClusterNode>, AsyncDisposable {
  readonly name: string;
  readonly nodes: readonly NatsClusterNode[];
  /** Where clients connect, one URL per node. */
  readonly urls: readonly string[];
  /** Stops every node at once and removes all stores. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A first election takes a second, or five when the votes were split, or has no end when the versions differ. */
const FORMATION_MS = 20_000;

/** Starts all nodes and resolves when `whenCurrent` does. Rejects, with a node's log, when one of them cannot start. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const { size = 3, bin = findServerBinary() } = options;
  const bins = typeof bin === "string" ? Array.from({ length: size }, () => bin) : bin;
  const { config = "" } = options;
  const configs = typeof config === "string" ? bins.map(() => config) : config;
  if (size < 2) throw new TypeError(`size is ${size}, expected at least 2: startNatsServer starts a single server`);
  if (bins.length !== size) throw new TypeError(`bin has ${bins.length} entries, expected one per node: ${size}`);
  if (configs.length !== size)
    throw new TypeError(`config has ${configs.length} entries, expected one per node: ${size}`);
  for (let attempt = 1; ; attempt++) {
    const cluster = await createCluster(bins, configs, options);
    try {
      await allSettled(cluster.nodes.map((node) => node.restart()));
      await cluster.whenCurrent(FORMATION_MS);
      return cluster;
    } catch (error) {
      const started = cluster.nodes.every(({ state }) => state === "running");
      const portTaken = cluster.nodes.some((node) => PORT_TAKEN.test(node.log()));
      await cluster[Symbol.asyncDispose]();
      // Somebody else was given the same free port in the meantime, or the first election found no end.
      if ((portTaken || started) && attempt < 5) continue;
      throw error;
    }
  }
}

async function createCluster(
  bins: readonly string[],
  configs: readonly string[],
  options: NatsClusterOptions,
): Promise<NatsCluster> {
  const { advertise = true, partitionable = false, login, tls } = options;
  const name = `testkit-${randomBytes(4).toString("hex")}`;
  const ports = await Promise.all(
    bins.map(async () => ({
      client: await findFreePort(),
      route: await findFreePort(),
      monitor: await findFreePort(),
    })),
  );
  const network = partitionable
    ? await openClusterNetwork(
        ports.map(({ client }) => client),
        ports.map(({ route }) => route),
      )
    : undefined;
  const nodes = bins.map((bin, i): NatsClusterNode => {
    const { client, route, monitor } = ports[i] as (typeof ports)[number];
    const others = ports.filter((_, j) => j !== i).map((other) => `nats://127.0.0.1:${other.route}`);
    const advertised = network?.advertisedBy(i);
    const config = [
      `http: "127.0.0.1:${monitor}"`,
      advertised ? `client_advertise: "${advertised.client}"` : "",
      `cluster { name: "${name}", listen: "127.0.0.1:${route}", no_advertise: ${!advertise}`,
      advertised ? `  advertise: "${advertised.route}"` : "",
      `  routes: [${network?.routesOf(i) ?? others}] }\n`,
    ].join("\n");
    const { maxPayloadBytes, readyTimeoutMs } = options;
    const serverOptions = {
      name: `${name}-${i + 1}`,
      config: configs[i] ?? "",
      ...(maxPayloadBytes !== undefined && { maxPayloadBytes }),
      ...(readyTimeoutMs !== undefined && { readyTimeoutMs }),
    };
    const server = createNatsServer(bin, client, serverOptions, { config, awaitJetStream: false });
    return toNode(server, monitor, network, i);
  });
  return {
    name,
    nodes,
    urls: nodes.map(({ url }, i) => network?.clientUrlOf(i) ?? url),
    ...createClusterView(nodes, { ...(login && { login }), ...(tls && { tls }) }),
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
      await network?.[Symbol.asyncDispose]();
    },
  };
}

/** The server itself, with more to it: a copy would freeze its getters. */
function toNode(
  server: NatsServer,
  monitorPort: number,
  network: ClusterNetwork | undefined,
  i: number,
): NatsClusterNode {
  const needNetwork = (): ClusterNetwork => {
    if (network) return network;
    throw new Error(`${server.name} cannot be isolated, expected startNatsCluster({ partitionable: true })`);
  };
  return Object.assign(server, {
    client: { host: "127.0.0.1", port: server.port },
    monitor: { host: "127.0.0.1", port: monitorPort },
    isReachable: () => server.state === "running" && network?.isIsolated(i) !== true,
    isolate({ nodes = true, clients = true }: { nodes?: boolean; clients?: boolean } = {}) {
      needNetwork().isolate(i, { nodes, clients });
    },
    rejoin: () => needNetwork().rejoin(i),
  });
}

/** Like `Promise.all`, but leaves nothing under way when it rejects. */
async function allSettled(tasks: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(tasks);
  const failure = results.find((result) => result.status === "rejected");
  if (failure) throw failure.reason;
}
