import { basename, extname } from "node:path";
import { ConnectorError, parseDuration } from "@x/connector-api";
import { type LogLevel, logLevels } from "./render/log.js";

/** The flags of `nats-pipeline run` as commander gives them. */
export interface RunFlags {
  readonly state: string;
  readonly name?: string;
  readonly checkpointInterval: string;
  readonly untilCaughtUp?: boolean;
  readonly maxRows?: string;
  readonly drainTimeout: string;
  readonly plugin?: readonly string[];
  readonly profiles?: string;
  readonly envFile?: string;
  readonly json?: boolean;
  readonly logLevel: string;
  readonly [later: string]: unknown;
}

/** The flags of `nats-pipeline run`, checked. */
export interface RunOptions {
  readonly file: string;
  readonly state: string;
  readonly name: string;
  readonly checkpointIntervalMs: number;
  readonly untilCaughtUp: boolean;
  readonly maxRows: number | undefined;
  readonly drainTimeoutMs: number;
  /** Files of `--plugin`, in order. */
  readonly plugins: readonly string[];
  readonly profiles: string | undefined;
  readonly envFile: string | undefined;
  readonly json: boolean;
  readonly logLevel: LogLevel;
}

/** Flags that belong to the command but come in a later version, by their property names. */
export const laterFlags = {
  createStreams: "--create-streams",
  group: "--group",
  workers: "--workers",
  http: "--http",
} as const;

export function parseRunOptions(file: string, flags: RunFlags): RunOptions {
  for (const [property, flag] of Object.entries(laterFlags)) {
    if (flags[property] !== undefined)
      throw new ConnectorError("UNSUPPORTED", `${flag} comes in a later version; run without it`);
  }
  const logLevel = logLevels.find((level) => level === flags.logLevel);
  if (logLevel === undefined) {
    throw new ConnectorError("USAGE", `--log-level: expected one of ${logLevels.join(", ")}; got "${flags.logLevel}"`);
  }
  return {
    file,
    state: flags.state,
    name: flags.name ?? basename(file, extname(file)),
    checkpointIntervalMs: durationFlag("--checkpoint-interval", flags.checkpointInterval),
    untilCaughtUp: flags.untilCaughtUp ?? false,
    maxRows: flags.maxRows === undefined ? undefined : countFlag("--max-rows", flags.maxRows),
    drainTimeoutMs: durationFlag("--drain-timeout", flags.drainTimeout),
    plugins: flags.plugin ?? [],
    profiles: flags.profiles,
    envFile: flags.envFile,
    json: flags.json ?? false,
    logLevel,
  };
}

function durationFlag(flag: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new ConnectorError("USAGE", `${flag}: expected a duration such as 250ms, 1s or 5m; got "${text}"`);
}

function countFlag(flag: string, text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count > 0) return count;
  throw new ConnectorError("USAGE", `${flag}: expected a number of rows above 0; got "${text}"`);
}
