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
  /** Holds every byte between a node and the others, between it and clients, or both; `false` hands them on. */
  isolate(i: number, on: boolean, what: { routes: boolean; clients: boolean }): void;
}

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
  return {
    routesOf: (i) => (routes[i] ?? []).filter((_, j) => j !== i).map(({ url }) => url),
    clientUrlOf: (i) => clients[i]?.url ?? "",
    advertisedBy: (i) => ({ route: `127.0.0.1:${nowhere}`, client: `127.0.0.1:${clients[i]?.port}` }),
    isolate(i, on, what) {
      if (what.clients) clients[i]?.blackhole(on);
      if (!what.routes) return;
      for (const [from, row] of routes.entries()) {
        for (const [to, proxy] of row.entries()) if ((from === i) !== (to === i)) proxy.blackhole(on);
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients, ...routes.flat()].map((proxy) => proxy[Symbol.asyncDispose]()));
    },
  };
}
