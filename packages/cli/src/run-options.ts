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
  readonly group?: string;
  readonly workers?: string;
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
  /** Name of the group that shares the splits; undefined: the pipeline's own. */
  readonly group: string | undefined;
  /** Processes that this command starts; undefined: none, it runs the pipelines itself. */
  readonly workers: number | undefined;
}

export function parseRunFlags(flags: RunFlags): RunOptions {
  return {
    state: flags.state,
    checkpointIntervalMs: durationFlag("--checkpoint-interval", flags.checkpointInterval),
    untilCaughtUp: flags.untilCaughtUp ?? false,
    maxRows: flags.maxRows === undefined ? undefined : countFlag("--max-rows", flags.maxRows),
    drainTimeoutMs: durationFlag("--drain-timeout", flags.drainTimeout),
    createStreams: flags.createStreams ?? false,
    http: flags.http === undefined ? undefined : parseHttpAddress(flags.http),
    ...parseSharing(flags),
  };
}

/** How the splits of a pipeline are shared. Throws USAGE for what the state, or another flag, does not go with. */
function parseSharing({ group, workers, state, maxRows }: RunFlags): Pick<RunOptions, "group" | "workers"> {
  const count = workers === undefined ? undefined : countFlag("--workers", workers);
  const flag = workers === undefined ? "--group" : "--workers";
  const refuse = (reason: string): never => {
    throw new ConnectorError("USAGE", `${flag}: ${reason}`);
  };
  if (group === undefined && workers === undefined) return { group, workers: count };
  if (group === "") refuse("expected a name; got an empty one");
  if (maxRows !== undefined) refuse("--max-rows counts the rows of one process and cannot be exact; leave one out");
  if (state === "memory:") refuse("--state memory: is gone with its process; use file:DIR or nats-kv:BUCKET");
  if (group !== undefined && !state.startsWith("nats-kv:")) {
    const text = `--group: the processes of several machines meet in --state nats-kv:BUCKET; got "${state}", which is of one machine: use --workers N alone there`;
    throw new ConnectorError("USAGE", text);
  }
  return { group, workers: count };
}
