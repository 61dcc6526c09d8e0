import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { askServer, type Login } from "./ask-server.js";
import { findGroup, isHealthy, readJetStream } from "./cluster-monitor.js";
import { findServerBinary } from "./find-server-binary.js";
import { findFreePort } from "./free-port.js";
import { createNatsServer, type NatsServer, type NatsServerOptions, PORT_TAKEN } from "./nats-server.js";

export interface NatsClusterOptions extends Pick<NatsServerOptions, "config" | "maxPayloadBytes" | "readyTimeoutMs"> {
  /** How many nodes. Default: 3. */
  size?: number;
  /** The binary of every node, or one per node, in order. Default: see `findServerBinary`. */
  bin?: string | readonly string[];
  /** Nodes tell clients of each other. Default: true. `false` where clients must stay on the addresses they know. */
  advertise?: boolean;
  /** What the cluster's own requests say in CONNECT where `config` asks for credentials, such as `{ user, pass }`. */
  login?: Login;
}

/**
 * nats-server processes on 127.0.0.1 that form one JetStream cluster. Each node can be killed, paused, stopped and
 * restarted like a single server; its `restart` resolves when the node answers, `whenCurrent` when it has caught up.
 */
export interface NatsCluster extends AsyncDisposable {
  readonly name: string;
  readonly nodes: readonly NatsServer[];
  /** Where clients connect, one URL per node. */
  readonly urls: readonly string[];
  /**
   * The node that leads a stream, or one of its consumers, by its own word. Waits through an election; rejects when
   * there is none within a minute. A paused node leads nothing.
   */
  leaderOf(stream: string, consumer?: string): Promise<NatsServer>;
  /** Makes the leader give up the lead; resolves with the new one, which is another node. Needs a second replica. */
  stepDown(stream: string, consumer?: string): Promise<NatsServer>;
  /**
   * Resolves when the nodes that run have elected a meta leader, which sees each of them as current, and every stream
   * and consumer of theirs has recovered and caught up, and a new stream finds room on them. Rejects when that takes longer than a minute.
   */
  whenCurrent(): Promise<void>;
  /** Stops every node at once and removes all stores. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

interface Leader {
  readonly server: NatsServer;
  /** The others. */
  readonly replicas: number;
}

interface Node {
  readonly server: NatsServer;
  readonly monitorPort: number;
}

const PATIENCE_MS = 60_000;
/** A first election takes a second, or five when the votes were split, or has no end when the versions differ. */
const FORMATION_MS = 20_000;
const POLL_MS = 50;
/** More copies of a stream no server makes. */
const MAX_REPLICAS = 5;

/** Starts all nodes and resolves when `whenCurrent` does. Rejects, with a node's log, when one of them cannot start. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const { size = 3, bin = findServerBinary() } = options;
  const bins = typeof bin === "string" ? Array.from({ length: size }, () => bin) : bin;
  if (bins.length !== size) throw new TypeError(`bin has ${bins.length} entries, expected one per node: ${size}`);
  for (let attempt = 1; ; attempt++) {
    const { cluster, becomesCurrent } = await createCluster(bins, options);
    try {
      await allSettled(cluster.nodes.map((node) => node.restart()));
      await becomesCurrent(FORMATION_MS);
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
  options: NatsClusterOptions,
): Promise<{ cluster: NatsCluster; becomesCurrent(withinMs: number): Promise<void> }> {
  const name = `testkit-${randomBytes(4).toString("hex")}`;
  const nodes = await createNodes(name, bins, options);
  const servers = nodes.map(({ server }) => server);
  const running = (): Node[] => nodes.filter(({ server }) => server.state === "running");

  const leaderOf = (stream: string, consumer?: string, other?: NatsServer): Promise<Leader> =>
    until(`a leader of ${describeAsset(stream, consumer)}`, async () => {
      for (const { server, monitorPort } of running()) {
        const group = findGroup(await readJetStream(monitorPort), stream, consumer);
        if (group?.leader === server.name && server !== other) return { server, replicas: group.replicas?.length ?? 0 };
      }
      return undefined;
    });
  const isCurrent = async (): Promise<boolean> => {
    const up = running();
    const names = up.map(({ server }) => server.name);
    const reports = await Promise.all(up.map(({ monitorPort }) => readJetStream(monitorPort)));
    const meta = reports.find((report, i) => report?.meta_cluster?.leader === names[i])?.meta_cluster;
    if (meta?.cluster_size !== nodes.length) return false;
    const peers = meta.replicas?.filter((peer) => names.includes(peer.name)) ?? [];
    if (peers.length !== names.length - 1 || peers.some(({ current, offline }) => !current || offline)) return false;
    const healthy = await Promise.all(up.map(({ monitorPort }) => isHealthy(monitorPort)));
    const leader = up.find(({ server }) => server.name === meta.leader);
    return healthy.every(Boolean) && leader !== undefined && canPlace(leader.server.port, up.length, options.login);
  };

  const becomesCurrent = async (withinMs: number): Promise<void> => {
    await until("all running nodes to be current", async () => (await isCurrent()) || undefined, withinMs);
  };
  const cluster: NatsCluster = {
    name,
    nodes: servers,
    urls: servers.map(({ url }) => url),
    leaderOf: async (stream, consumer) => (await leaderOf(stream, consumer)).server,
    async stepDown(stream, consumer) {
      const before = await leaderOf(stream, consumer);
      if (before.replicas === 0)
        throw new Error(`${describeAsset(stream, consumer)} has one replica: no other can lead`);
      const [kind, path] = consumer === undefined ? ["STREAM", stream] : ["CONSUMER", `${stream}.${consumer}`];
      const api = `$JS.API.${kind}.LEADER.STEPDOWN.${path}`;
      const answer = await askServer(before.server.port, api, "", options.login && { login: options.login });
      const { error } = JSON.parse(answer) as { error?: { description: string } };
      if (error) throw new Error(`${api}: ${error.description}`);
      return (await leaderOf(stream, consumer, before.server)).server;
    },
    whenCurrent: () => becomesCurrent(PATIENCE_MS),
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
  return { cluster, becomesCurrent };

  /** Polls. The error holds the logs, as nothing else says why a cluster does not come together. */
  async function until<Found>(
    what: string,
    look: () => Promise<Found | undefined>,
    withinMs = PATIENCE_MS,
  ): Promise<Found> {
    const deadline = Date.now() + withinMs;
    do {
      const found = await look();
      if (found !== undefined) return found;
      await sleep(POLL_MS);
    } while (Date.now() < deadline);
    const logs = servers.map((server) => `${server.name} (${server.state}):\n${server.log().slice(-2_000)}`);
    throw new Error(`waited ${withinMs} ms for ${what} in cluster ${name}\n${logs.join("\n")}`);
  }
}

async function createNodes(name: string, bins: readonly string[], options: NatsClusterOptions): Promise<Node[]> {
  const { advertise = true, size: _size, bin: _bin, login: _login, ...serverOptions } = options;
  const routePorts = await Promise.all(bins.map(() => findFreePort()));
  return Promise.all(
    bins.map(async (bin, i) => {
      const others = routePorts.filter((_, j) => j !== i).map((route) => `nats://127.0.0.1:${route}`);
      const [port, monitorPort] = [await findFreePort(), await findFreePort()];
      const config =
        `http: "127.0.0.1:${monitorPort}"\n` +
        `cluster { name: "${name}", listen: "127.0.0.1:${routePorts[i]}", no_advertise: ${!advertise}, routes: [${others}] }\n`;
      const nodeOptions = { ...serverOptions, name: `${name}-${i + 1}` };
      return { server: createNatsServer(bin, port, nodeOptions, { config, awaitJetStream: false }), monitorPort };
    }),
  );
}

/**
 * Whether a stream can be placed on so many nodes. Nothing else tells: a peer is current before the leader has heard of
 * its resources. Where the login does not suffice there is no telling, and the answer is yes.
 */
async function canPlace(leaderPort: number, nodes: number, login: Login | undefined): Promise<boolean> {
  const name = `testkit-${randomBytes(4).toString("hex")}`;
  const config = { name, subjects: [name], num_replicas: Math.min(nodes, MAX_REPLICAS), storage: "memory" };
  const ask = (api: string, payload = "") =>
    askServer(leaderPort, `$JS.API.STREAM.${api}.${name}`, payload, login && { login });
  try {
    const { error } = JSON.parse(await ask("CREATE", JSON.stringify(config))) as { error?: object };
    await ask("DELETE");
    return error === undefined;
  } catch (error) {
    return /Authoriz|Permission/.test(String(error));
  }
}

function describeAsset(stream: string, consumer?: string): string {
  return consumer === undefined ? `stream ${stream}` : `consumer ${consumer} of stream ${stream}`;
}

/** Like `Promise.all`, but leaves nothing under way when it rejects. */
async function allSettled(tasks: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(tasks);
  const failure = results.find((result) => result.status === "rejected");
  if (failure) throw failure.reason;
}
