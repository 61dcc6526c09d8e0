import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ConnectorError, toConnectorError } from "@x/connector-api";
import type { Output } from "./output.js";
import { reportError } from "./report-error.js";
import { onStopSignals } from "./stop-signals.js";

export interface DevFlags {
  readonly port: string;
  readonly json?: boolean;
}

const READY_MS = 20_000;

/** `nats-pipeline dev`: resolves when the server has ended and its folder is gone. */
export async function runDevServer(flags: DevFlags, output: Output): Promise<number> {
  const json = flags.json === true;
  const folder = mkdtempSync(join(tmpdir(), "nats-pipeline-dev-"));
  try {
    const server = startServer(findServer(process.env), portFlag(flags.port), folder);
    let stopped = false;
    const release = onStopSignals({
      first: () => {
        stopped = true;
        server.child.kill("SIGTERM");
      },
      second: () => void server.child.kill("SIGKILL"),
    });
    const url = await server.ready.catch((error: unknown) => {
      if (!stopped) throw error;
    });
    if (url !== undefined) {
      output.stdout.write(
        json ? `${JSON.stringify({ event: "listening", url, pid: server.child.pid })}\n` : `${url}\n`,
      );
      output.stderr.write(`nats-server with JetStream at ${url} until Ctrl-C; its data is removed then\n`);
    }
    const log = await server.ended;
    release();
    if (stopped) return 0;
    throw new ConnectorError("UNEXPECTED", `nats-server has ended by itself:\n${log}`);
  } catch (error) {
    reportError(error, { output, json });
    return toConnectorError(error).exitCode;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface DevServer {
  readonly child: ChildProcess;
  /** The address, once it takes connections. Rejects when it ends before, or with the reason why it cannot start. */
  readonly ready: Promise<string>;
  /** The end of its log, once it has ended. */
  readonly ended: Promise<string>;
}

function startServer(bin: string, port: number, folder: string): DevServer {
  // A group of its own: Ctrl-C at the terminal is ours to hand on.
  const args = ["-a", "127.0.0.1", "-p", String(port === 0 ? -1 : port), "-js", "-sd", folder];
  const child = spawn(bin, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  let log = "";
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(String(error)));
    child.once("close", () => {
      process.off("exit", kill);
      resolve(log);
    });
  });
  const ready = new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new ConnectorError("SERVER_UNAVAILABLE", `${bin} is not ready within ${READY_MS} ms:\n${log}`));
      kill();
    }, READY_MS);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-4096);
      const at = /Listening for client connections on 127\.0\.0\.1:(\d+)[\s\S]*Server is ready/.exec(log)?.[1];
      if (at === undefined) return;
      clearTimeout(late);
      resolve(`nats://127.0.0.1:${at}`);
    });
    void ended.then(() => {
      clearTimeout(late);
      reject(startError(log, bin, port));
    });
  });
  return { child, ready, ended };
}

function startError(log: string, bin: string, port: number): ConnectorError {
  if (/address already in use/i.test(log)) {
    return new ConnectorError("USAGE", `--port: ${port} is taken on 127.0.0.1; give another one, or 0 for a free one`);
  }
  return new ConnectorError("UNEXPECTED", `${bin} cannot be started:\n${log}`);
}

function portFlag(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ConnectorError("USAGE", `--port: expected a number from 0 to 65535; got "${text}"`);
}

/** NATS_SERVER_BIN, else `nats-server` on PATH. */
function findServer(environment: NodeJS.ProcessEnv): string {
  const named = environment.NATS_SERVER_BIN;
  if (named !== undefined && named !== "") {
    if (isExecutable(named)) return named;
    throw new ConnectorError("USAGE", `NATS_SERVER_BIN: ${named} is not there or cannot be executed`);
  }
  const name = process.platform === "win32" ? "nats-server.exe" : "nats-server";
  const folders = (environment.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  throw new ConnectorError(
    "DEPENDENCY_MISSING",
    "nats-server is not on PATH; install it (brew install nats-server, apt install nats-server, or from https://nats.io/download) or name it in NATS_SERVER_BIN",
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
