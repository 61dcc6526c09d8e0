import { randomInt } from "node:crypto";
import { createServer, type ListenOptions } from "node:net";

/** Below what any system hands out for outgoing connections. */
const LOWEST = 20_000;
const HIGHEST = 32_767;

/**
 * A port of 127.0.0.1 that nothing listens on right now. It lies outside the range for outgoing connections, so that
 * nobody is given it while a server that owns it is down, and a client that redials it cannot connect to itself. On
 * Linux no other process is given it by this function while this process lives, also when nothing listens on it.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if ((await claim(port)) && (await canListen({ port, host: "127.0.0.1", exclusive: true }))) return port;
  }
  throw new Error(`expected a free port of 127.0.0.1 between ${LOWEST} and ${HIGHEST}, and 100 tries met none`);
}

/** A name that the kernel lets one process listen on and forgets with that process. Elsewhere than on Linux: no claim. */
async function claim(port: number): Promise<boolean> {
  if (process.platform !== "linux") return true;
  return canListen({ path: `\0nats-testkit-port-${port}` }, "keep");
}

function canListen(where: ListenOptions, after: "close" | "keep" = "close"): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(false));
    server.listen(where, () => (after === "keep" ? resolve(true) : server.close(() => resolve(true))));
    server.unref();
  });
}
