import { connect, type Socket } from "node:net";
import { ConnectorError } from "@x/connector-api";
import { fromClientError } from "../nats-errors.js";

const DEFAULT_PORT = 4222;

/**
 * Resolves with the first address that takes a TCP connection, which is closed again. Nothing is sent, so it says
 * whether host and port are right before anything is said of users and TLS. Rejects with CONNECT_FAILED or ABORTED.
 */
export async function reachServer(
  servers: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ server: string; addresses: number }> {
  let first: ConnectorError | undefined;
  for (const server of servers) {
    try {
      await dial(server, timeoutMs, signal);
      return { server, addresses: servers.length };
    } catch (error) {
      if (signal.aborted) throw new ConnectorError("ABORTED", "stopped", { cause: signal.reason });
      first ??= fromClientError(error, `connect to ${server}`, { server });
    }
  }
  const message = first?.message ?? "no server is given";
  const rest = servers.length > 1 ? ` (nor any other of ${servers.join(", ")})` : "";
  throw new ConnectorError("CONNECT_FAILED", `${message}${rest}`, { cause: first, context: { servers } });
}

function dial(server: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { hostname, port } = new URL(`nats://${server}`);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host, port: port === "" ? DEFAULT_PORT : Number(port), signal });
    const late = setTimeout(
      () => socket.destroy(new ConnectorError("CONNECT_FAILED", `${server} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    socket.once("connect", () => {
      clearTimeout(late);
      socket.destroy();
      resolve();
    });
    socket.on("error", (error) => {
      clearTimeout(late);
      reject(error);
    });
  });
}
