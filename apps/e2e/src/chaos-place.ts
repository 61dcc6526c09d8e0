import { setTimeout as sleep } from "node:timers/promises";
import { startFaultProxy, startNatsCluster, startNatsServer } from "@x/nats-testkit";

/** Servers that a run of chaos may break, and the ways to them that its instances know. */
export interface ChaosPlace extends AsyncDisposable {
  /** For who watches. */
  readonly servers: readonly string[];
  /** For the instances: each server behind a proxy, and none that tells of another. */
  readonly url: string;
  readonly replicas: number;
  /** Breaks every connection of the instances. Resolves once there was one to break. */
  cut(): Promise<void>;
  /** Kills a server, with replicas the one that leads the stream; resolves when it answers again. */
  killServer(stream: string, downMs: number): Promise<void>;
}

/** An instance connects within seconds of its start, on any machine that can run it. */
const CONNECTED_MS = 60_000;

/** One server. Default: the newest. */
export async function openServer(bin?: string): Promise<ChaosPlace> {
  const server = await startNatsServer(bin === undefined ? {} : { bin });
  return openPlace([server.url], server, async () => server);
}

/** Three servers, one cluster. */
export async function openCluster(bin?: string): Promise<ChaosPlace> {
  const cluster = await startNatsCluster({ advertise: false, ...(bin === undefined ? {} : { bin }) });
  return openPlace(cluster.urls, cluster, (stream) => cluster.leaderOf(stream));
}

interface Killable {
  kill(): Promise<void>;
  restart(): Promise<void>;
}

async function openPlace(
  servers: readonly string[],
  owner: AsyncDisposable,
  victimOf: (stream: string) => Promise<Killable>,
): Promise<ChaosPlace> {
  const proxies = await Promise.all(servers.map((target) => startFaultProxy({ target })));
  return {
    servers,
    url: proxies.map(({ url }) => url).join(","),
    replicas: servers.length,
    async cut() {
      const deadline = Date.now() + CONNECTED_MS;
      while (!proxies.some(({ counters }) => counters.open > 0)) {
        if (Date.now() > deadline) throw new Error(`no instance was connected for ${CONNECTED_MS} ms`);
        await sleep(10);
      }
      for (const proxy of proxies) proxy.cut();
    },
    async killServer(stream, downMs) {
      const victim = await victimOf(stream);
      await victim.kill();
      await sleep(downMs);
      await victim.restart();
    },
    async [Symbol.asyncDispose]() {
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
      await owner[Symbol.asyncDispose]();
    },
  };
}
