import { type FaultProxy, startFaultProxy } from "./fault-proxy.js";
import { findFreePort } from "./free-port.js";

/** The connections of a cluster's nodes among each other and with clients, each through a proxy of its own. */
export interface ClusterNetwork extends AsyncDisposable {
  /** Where node `i` finds the others. */
  routesOf(i: number): readonly string[];
  /** Where clients find node `i`. */
  clientUrlOf(i: number): string;
  /** What node `i` tells others about itself, for its configuration. */
  advertisedBy(i: number): { readonly route: string; readonly client: string };
  /** Holds every byte between a node and the others, between it and clients, or both: this and nothing else from now on. */
  isolate(i: number, from: Isolation): void;
  /** Hands on what was held, but for what another node's isolation still holds. */
  rejoin(i: number): void;
  /** Whether a node is cut off from the others. */
  isIsolated(i: number): boolean;
}

export interface Isolation {
  readonly nodes: boolean;
  readonly clients: boolean;
}

const NOTHING: Isolation = { nodes: false, clients: false };

/** A proxy from each node to each other one and a proxy in front of each for clients. */
export async function openClusterNetwork(
  clientPorts: readonly number[],
  routePorts: readonly number[],
): Promise<ClusterNetwork> {
  const open = (port: number): Promise<FaultProxy> => startFaultProxy({ target: `127.0.0.1:${port}` });
  const clients = await Promise.all(clientPorts.map(open));
  const routes = await Promise.all(
    routePorts.map(() => Promise.all(routePorts.map((port) => open(port)))), // [from][to]; to itself is never used
  );
  // Where nobody listens: each node has a route to every other already, and one that it learned would pass by the proxies.
  const nowhere = await findFreePort();
  const isolated: Isolation[] = clientPorts.map(() => NOTHING);
  const isolate = (i: number, from: Isolation): void => {
    isolated[i] = from;
    clients[i]?.blackhole(from.clients);
    for (const [a, row] of routes.entries()) {
      for (const [b, proxy] of row.entries()) {
        if (a === i || b === i) proxy.blackhole(isolated[a]?.nodes === true || isolated[b]?.nodes === true);
      }
    }
  };
  return {
    routesOf: (i) => (routes[i] ?? []).filter((_, j) => j !== i).map(({ url }) => url),
    clientUrlOf: (i) => clients[i]?.url ?? "",
    advertisedBy: (i) => ({ route: `127.0.0.1:${nowhere}`, client: `127.0.0.1:${clients[i]?.port}` }),
    isolate,
    rejoin: (i) => isolate(i, NOTHING),
    isIsolated: (i) => isolated[i]?.nodes === true,
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients, ...routes.flat()].map((proxy) => proxy[Symbol.asyncDispose]()));
    },
  };
}
