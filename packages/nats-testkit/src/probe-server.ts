import { connect } from "node:net";

/** The fields of the server's INFO line that say who answered. */
export interface ServerInfo {
  server_name: string;
  version: string;
  jetstream?: boolean;
  auth_required?: boolean;
  tls_required?: boolean;
}

const JETSTREAM_QUESTION =
  'CONNECT {"verbose":false,"pedantic":false}\r\nSUB _probe 1\r\nPUB $JS.API.INFO _probe 0\r\n\r\n';

/**
 * Connects once and reads the INFO line. With `jetstream` it also asks `$JS.API.INFO` and waits for the answer; where
 * the server wants credentials or TLS, which a probe does not have, INFO's own `jetstream` flag has to do.
 * Resolves with undefined when the server is not ready yet; never rejects.
 */
export function probeServer(port: number, jetstream: boolean, timeoutMs: number): Promise<ServerInfo | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let text = "";
    let info: ServerInfo | undefined;
    const finish = (result: ServerInfo | undefined): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () => finish(undefined));
    socket.on("error", () => finish(undefined));
    socket.on("close", () => finish(undefined));
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      if (!info) {
        info = parseInfo(text);
        if (!info) return;
        if (!jetstream) return finish(info);
        if (info.auth_required || info.tls_required) return finish(info.jetstream ? info : undefined);
        socket.write(JETSTREAM_QUESTION);
      }
      const reply = /^H?MSG _probe 1 .*\r\n(.*)\r\n/m.exec(text);
      if (reply) finish(reply[1]?.includes('"memory"') ? info : undefined);
    });
  });
}

/** The first line that a server sends; undefined while it is not there, and when it is none. */
export function parseInfo(text: string): ServerInfo | undefined {
  const line = /^INFO (\{.*\})\s*\r\n/m.exec(text)?.[1];
  if (line === undefined) return undefined;
  try {
    return JSON.parse(line) as ServerInfo;
  } catch {
    // Somebody else is on this port.
    return undefined;
  }
}
