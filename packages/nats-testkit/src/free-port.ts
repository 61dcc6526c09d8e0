import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below what any system hands out for outgoing connections. */
const LOWEST = 20_000;
const HIGHEST = 32_767;

/**
 * A port of 127.0.0.1 that nothing listens on right now. It lies outside the range for outgoing connections, so that
 * nobody is given it while a server that owns it is down, and a client that redials it cannot connect to itself.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (await isFree(port)) return port;
  }
  throw new Error(`expected a free port of 127.0.0.1 between ${LOWEST} and ${HIGHEST}, and 100 tries met none`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
