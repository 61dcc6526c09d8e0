import { ConnectorError } from "@x/connector-api";
import { type HttpAddress, parseHttpAddress } from "./http-endpoint.js";
import { countFlag, durationFlag, type ScriptFlags } from "./script-flags.js";

/** The flags of `nats-pipeline run` as commander gives them, beside those of every command about a file. */
export interface RunFlags extends ScriptFlags {
  readonly state: string;
  readonly checkpointInterval: string;
  readonly untilCaughtUp?: boolean;
  readonly maxRows?: string;
  readonly drainTimeout: string;
  readonly createStreams?: boolean;
  readonly http?: string;
  readonly [later: string]: unknown;
}

/** The same, checked. */
export interface RunOptions {
  readonly state: string;
  readonly checkpointIntervalMs: number;
  readonly untilCaughtUp: boolean;
  readonly maxRows: number | undefined;
  readonly drainTimeoutMs: number;
  readonly createStreams: boolean;
  readonly http: HttpAddress | undefined;
}

/** Flags that belong to the command but come in a later version, by their property names. */
export const laterFlags = {
  group: "--group",
  workers: "--workers",
} as const;

export function parseRunFlags(flags: RunFlags): RunOptions {
  for (const [property, flag] of Object.entries(laterFlags)) {
    if (flags[property] !== undefined)
      throw new ConnectorError("UNSUPPORTED", `${flag} comes in a later version; run without it`);
  }
  return {
    state: flags.state,
    checkpointIntervalMs: durationFlag("--checkpoint-interval", flags.checkpointInterval),
    untilCaughtUp: flags.untilCaughtUp ?? false,
    maxRows: flags.maxRows === undefined ? undefined : countFlag("--max-rows", flags.maxRows),
    drainTimeoutMs: durationFlag("--drain-timeout", flags.drainTimeout),
    createStreams: flags.createStreams ?? false,
    http: flags.http === undefined ? undefined : parseHttpAddress(flags.http),
  };
}
