import { connect, type Socket } from "node:net";
import type { ProxyDirection } from "./fault-proxy.js";

/** Shared by all connections of a proxy, which changes it; `faultsChanged` tells them that a hold ended. */
export interface Faults {
  delayMs: number;
  hold: Record<ProxyDirection, boolean>;
}

export interface ProxiedConnection {
  faultsChanged(): void;
  destroy(): void;
  onClose(listener: () => void): void;
}

/** What a connection may hold back before it stops reading, so that TCP's own backpressure reaches the sender. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;

/** Connects to the target and relays in both directions until either side is gone. */
export function openProxiedConnection(
  client: Socket,
  target: { host: string; port: number },
  faults: Faults,
  count: (direction: ProxyDirection, bytes: number) => void,
): ProxiedConnection {
  const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
  const sockets = [client, upstream];
  const destroy = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const pumps = [
    relay(client, upstream, "toTarget", faults, count),
    relay(upstream, client, "fromTarget", faults, count),
  ];
  for (const socket of sockets) {
    socket.on("error", destroy);
    socket.on("close", destroy);
    socket.unref();
  }
  return {
    faultsChanged() {
      for (const pump of pumps) pump();
    },
    destroy,
    onClose: (listener) => void client.once("close", listener),
  };
}

/** Returns the pump: it hands on what is due, and is called again whenever something may have become due. */
function relay(
  from: Socket,
  to: Socket,
  direction: ProxyDirection,
  faults: Faults,
  count: (direction: ProxyDirection, bytes: number) => void,
): () => void {
  const queue: { chunk: Buffer | "end"; dueAt: number }[] = [];
  let heldBytes = 0;
  let timer: NodeJS.Timeout | undefined;

  const pump = (): void => {
    clearTimeout(timer);
    for (let head = queue[0]; head && !faults.hold[direction] && !to.writableNeedDrain; head = queue[0]) {
      const waitMs = head.dueAt - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(pump, waitMs);
        return;
      }
      queue.shift();
      if (head.chunk === "end") {
        to.end();
      } else {
        heldBytes -= head.chunk.length;
        count(direction, head.chunk.length);
        to.write(head.chunk);
      }
    }
    if (heldBytes < MAX_HELD_BYTES && from.isPaused()) from.resume();
  };
  const enqueue = (chunk: Buffer | "end"): void => {
    // Never before the one in front of it, also when the delay was shortened in between.
    const dueAt = Math.max(queue.at(-1)?.dueAt ?? 0, performance.now() + faults.delayMs);
    queue.push({ chunk, dueAt });
    pump();
  };
  from.on("data", (chunk: Buffer) => {
    heldBytes += chunk.length;
    if (heldBytes >= MAX_HELD_BYTES) from.pause();
    enqueue(chunk);
  });
  from.on("end", () => enqueue("end"));
  from.on("close", () => clearTimeout(timer));
  to.on("drain", pump);
  return pump;
}
