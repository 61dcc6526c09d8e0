import { createServer, type Server } from "node:net";
import { findFreePort } from "./free-port.js";
import type { FrameVerdict, NatsFrame } from "./nats-frames.js";
import {
  type DirectionFaults,
  openProxiedConnection,
  type ProxiedConnection,
  type ProxyDirection,
  type ProxySide,
} from "./proxied-connection.js";

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

/** An interception, until it is disposed. */
export interface Interception extends Disposable {
  /** How many frames were dropped, or cut at. */
  readonly hits: number;
}

/**
 * A TCP proxy on 127.0.0.1 that breaks the network on purpose. Faults act on open connections and on new ones, at
 * once, until they are taken back. Within a connection bytes are never reordered or changed, and none is missing unless
 * `intercept` drops a frame.
 */
export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** `nats://127.0.0.1:<port>`. */
  readonly url: string;
  readonly counters: FaultProxyCounters;
  /** Breaks every open connection, on both sides; bytes under way are lost. New ones are accepted. */
  cut(): void;
  /**
   * Lets so many more bytes through in a direction, over all connections, and then breaks the connection that brought
   * the last of them, which still arrives. Once; resolves when that was done.
   */
  cutAfter(bytes: number, direction: ProxyDirection): Promise<void>;
  /**
   * Breaks one side of every open connection. The other side is told nothing: it stays open, what it sends goes
   * nowhere, and nothing comes back, as when a machine has lost its power. New connections are accepted.
   */
  halfOpen(broken: ProxySide): void;
  /** `true`: the port refuses connections; open ones stay. `false`: it accepts again, on the same port. */
  refuse(on: boolean): Promise<void>;
  /** `true`: connections are accepted and stay open, but bytes are held; `false`: held bytes go on, in order. */
  blackhole(on: boolean, direction?: ProxyDirection): void;
  /** Every byte arrives so much later, in one direction or both; throughput stays. 0 ends it. */
  delay(delayMs: number, direction?: ProxyDirection): void;
  /**
   * Decides on every message that goes in a direction from now on: `pass`, `drop`, or `cut`, which breaks the connection
   * in place of the message. Knows the NATS protocol without TLS and compression; anything else passes.
   */
  intercept(direction: ProxyDirection, decide: (frame: NatsFrame) => FrameVerdict): Interception;
  /** Refuses, cuts and frees the port. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Resolves when the proxy listens; the target need not be up. Rejects when `port` is taken or `target` has no port. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const target = parseTarget(options.target);
  const port = options.port ?? (await findFreePort());
  const counters = { accepted: 0, open: 0, bytesToTarget: 0, bytesFromTarget: 0 };
  const faults = {
    toTarget: createDirectionFaults((bytes) => {
      counters.bytesToTarget += bytes;
    }),
    fromTarget: createDirectionFaults((bytes) => {
      counters.bytesFromTarget += bytes;
    }),
  };
  const connections = new Set<ProxiedConnection>();
  let server: Server | undefined;

  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const next = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
        counters.accepted++;
        const connection = openProxiedConnection(client, target, faults);
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
  const chosen = (direction?: ProxyDirection): DirectionFaults[] =>
    direction === undefined ? [faults.toTarget, faults.fromTarget] : [faults[direction]];
  const resumeAll = (): void => {
    for (const connection of connections) connection.faultsChanged();
  };

  await listen();
  return {
    port,
    url: `nats://127.0.0.1:${port}`,
    counters,
    cut,
    cutAfter(bytes, direction) {
      return new Promise((resolve) => {
        faults[direction].bytesUntilCut = bytes;
        faults[direction].onCut = resolve;
      });
    },
    halfOpen(broken) {
      for (const connection of connections) connection.breakSide(broken);
    },
    refuse,
    blackhole(on, direction) {
      for (const one of chosen(direction)) one.hold = on;
      resumeAll();
    },
    delay(delayMs, direction) {
      for (const one of chosen(direction)) one.delayMs = delayMs;
    },
    intercept(direction, decide) {
      const { judges } = faults[direction];
      let hits = 0;
      const judge = (frame: NatsFrame): FrameVerdict => {
        const verdict = decide(frame);
        if (verdict !== "pass") hits += 1;
        return verdict;
      };
      judges.add(judge);
      return {
        get hits() {
          return hits;
        },
        [Symbol.dispose]: () => void judges.delete(judge),
      };
    },
    async [Symbol.asyncDispose]() {
      await refuse(true);
      cut();
    },
  };
}

function createDirectionFaults(count: (bytes: number) => void): DirectionFaults {
  return {
    delayMs: 0,
    hold: false,
    judges: new Set(),
    bytesUntilCut: Number.POSITIVE_INFINITY,
    onCut: () => undefined,
    count,
  };
}

function parseTarget(target: string): { host: string; port: number } {
  const text = target.includes("://") ? target : `nats://${target}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const port = Number(url?.port);
  if (!url || !port) throw new TypeError(`target is "${target}", expected a URL or host:port, such as 127.0.0.1:4222`);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port };
}
