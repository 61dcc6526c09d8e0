import { createServer, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { ConnectorError } from "@x/connector-api";
import { prometheusContentType, type RunningPipeline, renderPrometheus } from "@x/runtime";

/** Where `--http` listens. */
export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** What is open to nobody but this machine. */
const LOOPBACK = "127.0.0.1";

/** `HOST:PORT`, `[::1]:PORT`, `:PORT` or `PORT`; without a host nobody but this machine gets in. Throws USAGE. */
export function parseHttpAddress(text: string): HttpAddress {
  const match = /^(?:(\[[\da-f:.]+\]|[^\s:[\]]*):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  const host = match?.[1]?.replaceAll(/[[\]]/g, "");
  const wrongHost = match?.[1]?.startsWith("[") === true && isIP(host ?? "") !== 6;
  if (match === null || port > 65_535 || wrongHost) {
    throw new ConnectorError("USAGE", `--http: expected HOST:PORT, or a port to listen on ${LOOPBACK}; got "${text}"`);
  }
  return { host: host === undefined || host === "" ? LOOPBACK : host, port };
}

/** Answers until it is closed. */
export interface HttpEndpoint {
  /** As it listens: with the port that was chosen where 0 was asked for. */
  readonly url: string;
  /** Answers for these pipelines from now on. */
  serve(pipelines: readonly RunningPipeline[]): void;
  /** Ends requests under way, too. */
  close(): Promise<void>;
}

/**
 * `/healthz` (no pipeline has failed), `/readyz` (every pipeline reads, and no connection is lost) and `/metrics` for
 * Prometheus; 503 with a line per pipeline for a no. GET and HEAD only, and nothing that is secret. Rejects with USAGE
 * when the address cannot be listened on.
 */
export async function openHttpEndpoint(address: HttpAddress): Promise<HttpEndpoint> {
  let pipelines: readonly RunningPipeline[] = [];
  const failed = new Map<RunningPipeline, string>();
  const health = (pipeline: RunningPipeline): string | undefined => failed.get(pipeline);
  const readiness = (pipeline: RunningPipeline): string | undefined => {
    if (pipeline.state !== "running") return failed.get(pipeline) ?? pipeline.state;
    return pipeline.counters.away > 0 ? "connection lost" : undefined;
  };
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD") {
      answer(response.setHeader("Allow", "GET, HEAD"), 405, "only GET and HEAD\n");
    } else if (path === "/metrics") {
      answer(response, 200, renderPrometheus(pipelines), prometheusContentType);
    } else if (path === "/healthz") verdict(response, pipelines, health);
    else if (path === "/readyz") verdict(response, pipelines, readiness);
    else answer(response, 404, "not here: /healthz, /readyz, /metrics\n");
  });
  await listen(server, address);
  // Who only looks on does not keep the process alive.
  server.unref();
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  return {
    serve(given) {
      pipelines = given;
      for (const pipeline of pipelines) {
        void pipeline.finished.then(({ error }) => void (error && failed.set(pipeline, error.code)));
      }
    },
    url: `http://${address.host.includes(":") ? `[${address.host}]` : address.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function verdict(
  response: ServerResponse,
  pipelines: readonly RunningPipeline[],
  trouble: (pipeline: RunningPipeline) => string | undefined,
): void {
  const lines = pipelines.map((pipeline) => [pipeline.name, trouble(pipeline)] as const);
  const status = lines.every(([, text]) => text === undefined) ? 200 : 503;
  answer(response, status, lines.map(([name, text]) => `${name}: ${text ?? "ok"}\n`).join(""));
}

function answer(response: ServerResponse, status: number, text: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" }).end(text);
}

function listen(server: Server, { host, port }: HttpAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    // Later ones are of a connection that could not be taken: no reason to end what is looked at.
    server.on("error", (error: NodeJS.ErrnoException) => {
      reject(new ConnectorError("USAGE", `--http: cannot listen on ${host}:${port} (${error.code})`, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}
