import { connect, type Socket } from "node:net";
import { createFrameReader, type FrameVerdict, type NatsFrame } from "./nats-frames.js";

/** `toTarget` is what the client sends, `fromTarget` what it receives. */
export type ProxyDirection = "toTarget" | "fromTarget";

/** The end of a proxied connection that is towards the client, or towards the target. */
export type ProxySide = "client" | "target";

/** What breaks one direction. Shared by all connections of a proxy, which changes it. */
export interface DirectionFaults {
  delayMs: number;
  hold: boolean;
  readonly judges: Set<(frame: NatsFrame) => FrameVerdict>;
  /** The connection on which the last of these bytes goes breaks after it. */
  bytesUntilCut: number;
  onCut(): void;
  /** Counts what is handed on. */
  count(bytes: number): void;
}

export type Faults = Readonly<Record<ProxyDirection, DirectionFaults>>;

export interface ProxiedConnection {
  /** A hold ended, or a delay. */
  faultsChanged(): void;
  /** Breaks one side; the other stays open, and what it sends goes nowhere. */
  breakSide(side: ProxySide): void;
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
): ProxiedConnection {
  const upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
  const sockets = [client, upstream];
  let survivor: Socket | undefined;
  const destroy = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const pumps = [
    relay(client, upstream, faults.toTarget, destroy),
    relay(upstream, client, faults.fromTarget, destroy),
  ];
  for (const socket of sockets) {
    const gone = (): void => {
      if (survivor === undefined || survivor === socket) destroy();
    };
    socket.on("error", gone);
    socket.on("close", gone);
    socket.unref();
  }
  return {
    faultsChanged() {
      for (const pump of pumps) pump();
    },
    breakSide(side) {
      const [broken, other] = side === "client" ? [client, upstream] : [upstream, client];
      survivor = other;
      broken.destroy();
      other.removeAllListeners("data").on("end", destroy).resume();
    },
    destroy,
    onClose(listener) {
      let open = sockets.length;
      for (const socket of sockets) socket.once("close", () => --open === 0 && listener());
    },
  };
}

/** A function is a break of the connection, and is called after it. */
type Piece = Buffer | "end" | (() => void);

/** Returns the pump: it hands on what is due, and is called again whenever something may have become due. */
function relay(from: Socket, to: Socket, faults: DirectionFaults, destroy: () => void): () => void {
  const queue: { piece: Piece; dueAt: number }[] = [];
  const readFrames = createFrameReader();
  let heldBytes = 0;
  let isCut = false;
  let timer: NodeJS.Timeout | undefined;

  const pump = (): void => {
    clearTimeout(timer);
    for (let head = queue[0]; head && !faults.hold && !to.writableNeedDrain; head = queue[0]) {
      const waitMs = head.dueAt - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(pump, waitMs);
        return;
      }
      queue.shift();
      if (head.piece === "end") {
        to.end();
      } else if (typeof head.piece === "function") {
        const { piece } = head;
        // The bytes before it arrive, and nothing after them.
        to.end(() => {
          destroy();
          piece();
        });
      } else {
        heldBytes -= head.piece.length;
        faults.count(head.piece.length);
        to.write(head.piece);
      }
    }
    if (heldBytes < MAX_HELD_BYTES && from.isPaused()) from.resume();
  };
  const enqueue = (piece: Piece): void => {
    // Never before the one in front of it, also when the delay was shortened in between.
    const dueAt = Math.max(queue.at(-1)?.dueAt ?? 0, performance.now() + faults.delayMs);
    if (piece instanceof Buffer) heldBytes += piece.length;
    queue.push({ piece, dueAt });
  };
  const judge = (frame: NatsFrame): FrameVerdict => {
    for (const one of faults.judges) {
      const verdict = one(frame);
      if (verdict !== "pass") return verdict;
    }
    return "pass";
  };
  const cutHere = (done: () => void): void => {
    isCut = true;
    enqueue(done);
  };

  from.on("data", (chunk: Buffer) => {
    if (isCut) return;
    const { pass, cut } = readFrames(chunk, faults.judges.size > 0 ? judge : undefined);
    for (const piece of pass) {
      const bytes = Math.min(piece.length, faults.bytesUntilCut);
      faults.bytesUntilCut -= bytes;
      enqueue(piece.subarray(0, bytes));
      if (faults.bytesUntilCut > 0) continue;
      faults.bytesUntilCut = Number.POSITIVE_INFINITY;
      cutHere(faults.onCut);
      break;
    }
    if (cut && !isCut) cutHere(() => undefined);
    if (heldBytes >= MAX_HELD_BYTES) from.pause();
    pump();
  });
  from.on("end", () => {
    enqueue("end");
    pump();
  });
  from.on("close", () => clearTimeout(timer));
  to.on("drain", pump);
  return pump;
}
