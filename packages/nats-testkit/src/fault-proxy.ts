import { createServer, type Server } from "node:net";
import { findFreePort } from "./free-port.js";
import { type Faults, openProxiedConnection, type ProxiedConnection } from "./proxied-connection.js";

/** `toTarget` is what the client sends, `fromTarget` what it receives. */
export type ProxyDirection = "toTarget" | "fromTarget";

export interface FaultProxyOptions {
  /** Where connections go: a URL such as `nats://127.0.0.1:4222`, or `host:port`. */
  target: string;
  /** A port of 127.0.0.1. Default: a free one. */
  port?: number;
}

export interface FaultProxyCounters {
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Connections open right now. */
  readonly open: number;
  /** Payload bytes handed on. */
  readonly bytesToTarget: number;
  readonly bytesFromTarget: number;
}

/**
 * A TCP proxy on 127.0.0.1 that breaks the network on purpose. Faults act on open connections and on new ones, at
 * once, until they are taken back. Bytes are never reordered, changed or dropped within a connection.
 */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** `nats://127.0.0.1:<port>`. */
  readonly url: string;
  readonly counters: FaultProxyCounters;
  /** Breaks every open connection, on both sides; bytes under way are lost. New ones are accepted. */
  cut(): void;
  /** `true`: the port refuses connections; open ones stay. `false`: it accepts again, on the same port. */
  refuse(on: boolean): Promise<void>;
  /** `true`: connections are accepted and stay open, but bytes are held; `false`: held bytes go on, in order. */
  blackhole(on: boolean, direction?: ProxyDirection): void;
  /** Every byte arrives so much later, in both directions; throughput stays. 0 ends it. */
  delay(delayMs: number): void;
  /** Refuses, cuts and frees the port. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Resolves when the proxy listens; the target need not be up. Rejects when `port` is taken or `target` has no port. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const target = parseTarget(options.target);
  const port = options.port ?? (await findFreePort());
  const faults: Faults = { delayMs: 0, hold: { toTarget: false, fromTarget: false } };
  const counters = { accepted: 0, open: 0, bytesToTarget: 0, bytesFromTarget: 0 };
  const connections = new Set<ProxiedConnection>();
  let server: Server | undefined;

  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const next = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
        counters.accepted++;
        const connection = openProxiedConnection(client, target, faults, (direction, bytes) => {
          counters[direction === "toTarget" ? "bytesToTarget" : "bytesFromTarget"] += bytes;
        });
        connections.add(connection);
        counters.open = connections.size;
        connection.onClose(() => {
          connections.delete(connection);
          counters.open = connections.size;
        });
      });
      next.once("error", reject);
      next.listen({ port, host: "127.0.0.1" }, () => {
        server = next;
        resolve();
      });
      next.unref();
    });
  const refuse = async (on: boolean): Promise<void> => {
    if (!on) return server ? undefined : listen();
    server?.close();
    server = undefined;
  };
  const cut = (): void => {
    for (const connection of connections) connection.destroy();
  };
  const resumeAll = (): void => {
    for (const connection of connections) connection.faultsChanged();
  };

  await listen();
  return {
    port,
    url: `nats://127.0.0.1:${port}`,
    counters,
    cut,
    refuse,
    blackhole(on, direction) {
      if (direction !== "fromTarget") faults.hold.toTarget = on;
      if (direction !== "toTarget") faults.hold.fromTarget = on;
      resumeAll();
    },
    delay(delayMs) {
      faults.delayMs = delayMs;
    },
    async [Symbol.asyncDispose]() {
      await refuse(true);
      cut();
    },
  };
}

function parseTarget(target: string): { host: string; port: number } {
  const text = target.includes("://") ? target : `nats://${target}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const port = Number(url?.port);
  if (!url || !port) throw new TypeError(`target is "${target}", expected a URL or host:port, such as 127.0.0.1:4222`);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port };
}
