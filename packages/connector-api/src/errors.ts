/**
 * Every error of the connector packages: one class, one closed table of codes.
 *
 * The code is the contract and stable within a major version; messages are for people and may change.
 * `docs/errors.md` explains each code, and a test keeps the two equal.
 */

/** What a caller may do about an error: give up, wait and try again, or rebuild the operator at its last position. */
export type Retry = "never" | "backoff" | "rebuild";

/** The process exit code a command reports for an error (`docs/errors.md`). */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 130;

interface CodeFacts {
  readonly exitCode: ExitCode;
  readonly retry: Retry;
}

/** The closed code set. Connectors map foreign errors to these codes and never add one of their own. */
export const errorCodes = {
  UNEXPECTED: { exitCode: 1, retry: "never" },
  STATE_STORE: { exitCode: 1, retry: "backoff" },
  STATE_INVALID: { exitCode: 1, retry: "never" },
  CLOSED: { exitCode: 1, retry: "never" },
  COMMIT_ORDER: { exitCode: 1, retry: "never" },
  USAGE: { exitCode: 2, retry: "never" },
  UNSUPPORTED: { exitCode: 2, retry: "never" },
  SQL_SYNTAX: { exitCode: 2, retry: "never" },
  SQL_UNSUPPORTED: { exitCode: 2, retry: "never" },
  SQL_INVALID: { exitCode: 2, retry: "never" },
  OPTION_UNKNOWN: { exitCode: 2, retry: "never" },
  OPTION_MISSING: { exitCode: 2, retry: "never" },
  OPTION_INVALID: { exitCode: 2, retry: "never" },
  OPTION_DUPLICATE: { exitCode: 2, retry: "never" },
  OPTION_CONFLICT: { exitCode: 2, retry: "never" },
  ENV_MISSING: { exitCode: 2, retry: "never" },
  SCHEMA_INVALID: { exitCode: 2, retry: "never" },
  DRAIN_TIMEOUT: { exitCode: 1, retry: "never" },
  DEPENDENCY_MISSING: { exitCode: 2, retry: "never" },
  STREAM_NOT_FOUND: { exitCode: 2, retry: "never" },
  STREAM_MISMATCH: { exitCode: 2, retry: "never" },
  CONSUMER_REFUSED: { exitCode: 2, retry: "never" },
  CAPABILITY_MISSING: { exitCode: 2, retry: "never" },
  AUTH_FAILED: { exitCode: 3, retry: "never" },
  AUTH_EXPIRED: { exitCode: 3, retry: "backoff" },
  PERMISSION_DENIED: { exitCode: 3, retry: "never" },
  TLS_FAILED: { exitCode: 3, retry: "never" },
  DATA_GAP: { exitCode: 4, retry: "never" },
  STREAM_REPLACED: { exitCode: 4, retry: "never" },
  STREAM_REGRESSED: { exitCode: 4, retry: "never" },
  PROGRESS_MISMATCH: { exitCode: 4, retry: "never" },
  OVERFLOW: { exitCode: 4, retry: "never" },
  FENCED: { exitCode: 5, retry: "never" },
  BAD_DATA: { exitCode: 6, retry: "never" },
  MESSAGE_TOO_LARGE: { exitCode: 6, retry: "never" },
  CONNECT_FAILED: { exitCode: 7, retry: "backoff" },
  CONNECTION_LOST: { exitCode: 7, retry: "backoff" },
  SERVER_UNAVAILABLE: { exitCode: 7, retry: "backoff" },
  CAPACITY: { exitCode: 7, retry: "backoff" },
  POSITION_LOST: { exitCode: 7, retry: "rebuild" },
  ABORTED: { exitCode: 130, retry: "never" },
} as const satisfies Record<string, CodeFacts>;

export type ErrorCode = keyof typeof errorCodes;

/** A place in a text the user wrote: 1-based line and column, both counted in characters, and the length to underline. */
export interface SourcePlace {
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

export interface ConnectorErrorOptions {
  /** Overrides the retry class of the code where the circumstances are known better. */
  readonly retry?: Retry;
  /** The error this one explains. Kept as it came, never printed by a library. */
  readonly cause?: unknown;
  /** Facts for programs: names, sequences, limits. Never a secret, never payload bytes. */
  readonly context?: Readonly<Record<string, unknown>>;
  /** Where in the user's text the mistake stands. */
  readonly place?: SourcePlace | undefined;
}

const brand = Symbol.for("@x/connector-api/ConnectorError");

/** The only error class the packages throw on purpose. Recognise it with {@link isConnectorError}, not `instanceof`. */
export class ConnectorError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly context: Readonly<Record<string, unknown>>;
  readonly place: SourcePlace | undefined;

  constructor(code: ErrorCode, message: string, options: ConnectorErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "ConnectorError";
    this.code = code;
    this.retry = options.retry ?? errorCodes[code].retry;
    this.context = options.context ?? {};
    this.place = options.place;
    Object.defineProperty(this, brand, { value: true });
  }

  /** The exit code a command ends with when this error stops it. */
  get exitCode(): ExitCode {
    return errorCodes[this.code].exitCode;
  }
}

/** True for a {@link ConnectorError} of any copy of this package. */
export function isConnectorError(value: unknown): value is ConnectorError {
  return typeof value === "object" && value !== null && brand in value;
}

/** The value itself when it is a ConnectorError, else UNEXPECTED with the value as cause. */
export function toConnectorError(value: unknown): ConnectorError {
  if (isConnectorError(value)) return value;
  const message = value instanceof Error ? value.message : String(value);
  return new ConnectorError("UNEXPECTED", message, { cause: value });
}
