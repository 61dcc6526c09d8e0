export interface ObtainOptions {
  /** Exactly this series, for the compatibility lane: `"2.9"`, `"2.10"`. Left out: the newest, 2.12 or later. */
  series?: string;
  /** Default: `process.env`. `NATS_SERVER_BIN`, `PATH`, `XDG_CACHE_HOME` and `HOME` are read. */
  env?: NodeJS.ProcessEnv;
  platform?: NodeJS.Platform;
  /** As `process.arch`. */
  arch?: string;
  /** Holds `v<version>/SHA256SUMS` and the archives. Default: the project's own releases. */
  releaseBaseUrl?: string;
  /** Gets one line that names the server and where it came from. Default: stderr. */
  log?(line: string): void;
}

export interface ObtainedServer {
  path: string;
  /** As `2.15.1`. */
  version: string;
  /** The name of the step that gave it. */
  step: string;
}

/**
 * Gives a nats-server binary that runs here, fetching one into the cache when the machine has none. Safe to call from
 * several processes at once. Rejects with a message that lists what was tried and how to install one; a
 * `NATS_SERVER_BIN` that does not run rejects at once.
 */
export function obtainNatsServer(options?: ObtainOptions): Promise<ObtainedServer>;
