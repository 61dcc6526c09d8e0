import type { ConnectorError, ErrorCode } from "@x/connector-api";

/** When a pipeline whose operators failed is started again by itself, at its last checkpoint. */
export interface RestartPolicy {
  /** Starts in a row after which no checkpoint moved: then it ends with the error. */
  readonly maxFutile: number;
  /** Time before the first of them; each next one waits twice as long. */
  readonly firstDelayMs: number;
  readonly lastDelayMs: number;
}

export const defaultRestart: RestartPolicy = { maxFutile: 10, firstDelayMs: 250, lastDelayMs: 30_000 };

/** Nobody there: as often as it takes, like an operator that waits for its server. */
const unreachable: ReadonlySet<ErrorCode> = new Set(["CONNECT_FAILED", "CONNECTION_LOST", "SERVER_UNAVAILABLE"]);

/** How long to wait before the next start, after `futile` ones that moved nothing; undefined: there is none. */
export function restartDelay(error: ConnectorError, futile: number, policy: RestartPolicy): number | undefined {
  if (error.retry === "never") return undefined;
  if (futile >= policy.maxFutile && !unreachable.has(error.code)) return undefined;
  return Math.min(policy.lastDelayMs, policy.firstDelayMs * 2 ** Math.min(futile, 30));
}
