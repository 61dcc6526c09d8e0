import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { guardChild } from "./child-guard.js";
import { findServerBinary } from "./find-server-binary.js";
import { findFreePort } from "./free-port.js";
import { probeServer, type ServerInfo } from "./probe-server.js";
import { waitUntilStopped } from "./process-state.js";

export interface NatsServerOptions {
  /** The binary to run. Default: see `findServerBinary`. */
  bin?: string;
  /** JetStream with its store in a fresh temporary folder. Default: true. */
  jetstream?: boolean;
  /** The JetStream domain, for servers that a leaf node joins. Default: none. */
  domain?: string;
  /** More configuration in the server's own format, such as `authorization { … }`, `accounts { … }` or `tls { … }`. */
  config?: string;
  /** The `server_name`. Default: a random one. */
  name?: string;
  /** A port of 127.0.0.1. Default: a free one. */
  port?: number;
  /** The largest message the server takes. Default: the server's own, 1 MiB. */
  maxPayloadBytes?: number;
  /** The configuration has `tls { handshake_first: true }`: a probe reads nothing then, and the log says when it is ready. */
  tlsFirst?: boolean;
  /** How long the server may take to answer after each start. Default: 20 s. */
  readyTimeoutMs?: number;
}

/**
 * One nats-server process on 127.0.0.1. Port, store and configuration stay the same over any number of restarts. It
 * never outlives this process, and does not keep it alive either.
 */
export interface NatsServer extends AsyncDisposable {
  /** `nats://127.0.0.1:<port>`, without credentials. */
  readonly url: string;
  readonly port: number;
  /** Of the running process; of the last one while it is down. */
  readonly pid: number;
  /** As `2.15.1`. */
  readonly version: string;
  readonly name: string;
  /** `stopped` also after a kill, and when the process ended by itself. */
  readonly state: "running" | "paused" | "stopped";
  /** JetStream's folder, also when JetStream is off. Removed by dispose or when this process ends. */
  readonly storeDir: string;
  /** The file with the output of every start. */
  readonly logFile: string;
  /** What the server has printed so far. */
  log(): string;
  /** Ends the server in an orderly way and waits until it is gone; the store stays for `restart`. Idempotent. */
  stop(): Promise<void>;
  /** Ends the server with a signal and waits until it is gone; the store stays. Resolves at once when it is down. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /**
   * Starts it again, after a `stop` when it still runs; with `bin` it is another binary from now on, on the same store.
   * Resolves when it answers; rejects like `startNatsServer`.
   */
  restart(options?: { bin?: string }): Promise<void>;
  /** Replaces `options.config` and makes the server read it (SIGHUP). Rejects with the log when it refuses it. */
  reload(config: string): Promise<void>;
  /** Freezes the process (SIGSTOP): connections stay open and nothing answers from the return on. Not on Windows. */
  pause(): void;
  /** Lets a paused process go on (SIGCONT). */
  resume(): void;
  /** `stop`, then removes store, log and configuration. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

export const PORT_TAKEN = /address already in use|Only one usage of each socket address/;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 10;

/**
 * Starts a nats-server and resolves when it answers on its port, with JetStream when that is on. Rejects, with the
 * server's log in the message, when it exits early or does not answer in time, and when there is no binary to run.
 */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const bin = options.bin ?? findServerBinary();
  for (let attempt = 1; ; attempt++) {
    const server = createNatsServer(bin, options.port ?? (await findFreePort()), options);
    try {
      await server.restart();
      return server;
    } catch (error) {
      const log = server.log();
      await server[Symbol.asyncDispose]();
      // Somebody else was given the same free port in the meantime.
      if (options.port === undefined && attempt < 5 && PORT_TAKEN.test(log)) continue;
      throw error;
    }
  }
}

/** A server that is a part of something: configuration that stays over `reload`, and another idea of when it is ready. */
export interface ServerRole {
  readonly config: string;
  /** Whether a start waits until JetStream answers. In a cluster that takes other nodes, which may be down. */
  readonly awaitJetStream: boolean;
}

const ALONE: ServerRole = { config: "", awaitJetStream: true };

/** The server before its first start, which is `restart`. */
export function createNatsServer(
  firstBin: string,
  port: number,
  options: NatsServerOptions,
  role: ServerRole = ALONE,
): NatsServer {
  const { jetstream = true, name = `testkit-${randomBytes(6).toString("hex")}`, readyTimeoutMs = 20_000 } = options;
  const folder = mkdtempSync(join(tmpdir(), "nats-testkit-"));
  const guard = guardChild(folder);
  const storeDir = join(folder, "store");
  const logFile = join(folder, "server.log");
  const configFile = join(folder, "server.conf");
  const asksJetStream = jetstream && role.awaitJetStream;
  let bin = firstBin;
  let paused = false;
  let child: ChildProcess | undefined;
  let info: ServerInfo | undefined;

  const writeConfig = (config: string): void => {
    const limits = options.maxPayloadBytes === undefined ? "" : `max_payload: ${options.maxPayloadBytes}\n`;
    const domain = options.domain === undefined ? "" : `, domain: ${JSON.stringify(options.domain)}`;
    const store =
      jetstream && !/^\s*jetstream\b/m.test(topLevelOf(config))
        ? `jetstream { store_dir: ${JSON.stringify(storeDir)}${domain} }\n`
        : "";
    // Not by flags: the server refuses to reload a name that is not in its file, and 2.10 turns JetStream off.
    writeFileSync(configFile, `${limits}${store}${role.config}${config}\nserver_name: "${name}"\n`, { mode: 0o600 });
  };
  const log = (): string => readFileSync(logFile, { encoding: "utf8", flag: "a+" });
  const isRunning = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null;

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    if (!running || !isRunning()) return;
    paused = false;
    const gone = new Promise<void>((resolve) => running.once("exit", () => resolve()));
    running.kill(signal);
    // A paused process takes no other signal than SIGKILL until it goes on.
    running.kill("SIGCONT");
    const tooLate = setTimeout(() => running.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(tooLate);
  };

  const launch = async (): Promise<void> => {
    const seen = log().length;
    const output = openSync(logFile, "a");
    const args = ["-a", "127.0.0.1", "-p", String(port), "-c", configFile];
    const started = spawn(bin, args, { stdio: ["ignore", output, output] });
    closeSync(output);
    let spawnError: Error | undefined;
    const gone = new Promise<undefined>((resolve) => {
      started.once("exit", () => resolve(undefined));
      started.once("error", (error) => {
        spawnError = error;
        resolve(undefined);
      });
    });
    started.unref();
    child = started;
    if (started.pid !== undefined) guard.watch(started);

    const deadline = Date.now() + readyTimeoutMs;
    while (Date.now() < deadline) {
      const answer = await Promise.race([
        options.tlsFirst ? readyLine(log().slice(seen), name) : probeServer(port, asksJetStream, 1_000),
        gone,
      ]);
      if (spawnError) throw new Error(`${bin} cannot be started: ${spawnError.message}`, { cause: spawnError });
      if (!isRunning()) {
        throw new Error(`nats-server exited at start (${started.signalCode ?? `code ${started.exitCode}`}):\n${log()}`);
      }
      if (answer?.server_name === name) {
        info = answer;
        return;
      }
      await sleep(POLL_MS);
    }
    await end("SIGKILL");
    throw new Error(`nats-server did not answer on port ${port} within ${readyTimeoutMs} ms:\n${log()}`);
  };

  writeConfig(options.config ?? "");
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    name,
    storeDir,
    logFile,
    log,
    get pid() {
      return child?.pid ?? -1;
    },
    get version() {
      return info?.version ?? "";
    },
    get state() {
      if (!isRunning()) return "stopped";
      return paused ? "paused" : "running";
    },
    stop: () => end("SIGTERM"),
    kill: (signal = "SIGKILL") => end(signal),
    async restart(change = {}) {
      await end("SIGTERM");
      bin = change.bin ?? bin;
      await launch();
    },
    async reload(config) {
      writeConfig(config);
      const seen = log().length;
      child?.kill("SIGHUP");
      const deadline = Date.now() + readyTimeoutMs;
      while (Date.now() < deadline) {
        const news = log().slice(seen);
        if (/Reloaded server configuration/.test(news)) return;
        if (/Failed to reload/.test(news) || !isRunning()) break;
        await sleep(POLL_MS);
      }
      throw new Error(`nats-server did not take the new configuration:\n${log().slice(seen)}`);
    },
    pause() {
      if (!child || !isRunning()) return;
      paused = true;
      child.kill("SIGSTOP");
      waitUntilStopped(child.pid ?? -1);
    },
    resume() {
      paused = false;
      child?.kill("SIGCONT");
    },
    async [Symbol.asyncDispose]() {
      await end("SIGTERM");
      guard.release();
    },
  };
}

/** What the log of one start says, once it says that the server is ready. */
function readyLine(log: string, name: string): ServerInfo | undefined {
  if (!log.includes("Server is ready")) return undefined;
  return { server_name: name, version: /Version:\s+(\S+)/.exec(log)?.[1] ?? "" };
}

/** Configuration without what is in braces, such as the `jetstream: enabled` of an account. */
function topLevelOf(config: string): string {
  // A comment may begin in the middle of a line, but `//` also belongs to a URL that has no quotes.
  let text = config.replace(/"[^"]*"|'[^']*'|#.*|(?<![\w:])\/\/.*/g, "");
  for (let before = ""; before !== text; ) {
    before = text;
    text = text.replace(/\{[^{}]*\}/g, "");
  }
  return text;
}
