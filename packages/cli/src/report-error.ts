import { toConnectorError } from "@x/connector-api";
import type { Output } from "./output.js";
import { renderError, type SqlFile } from "./render/error.js";

export interface ReportOptions {
  readonly output: Output;
  /** Whether the error is an event on stdout, too. */
  readonly json: boolean;
  readonly sql?: SqlFile | undefined;
  readonly stack?: boolean;
  /** The pipeline that failed. */
  readonly pipeline?: string;
}

/** Says what went wrong: for people on stderr, with `--json` as an event on stdout, too. */
export function reportError(value: unknown, { output, json, sql, stack = false, pipeline }: ReportOptions): void {
  const error = toConnectorError(value);
  output.stderr.write(`${renderError(error, sql, stack).text}\n`);
  if (!json) return;
  const { code, exitCode, message } = error;
  const event = { event: "error", code, exitCode, message, ...(pipeline === undefined ? {} : { pipeline }) };
  output.stdout.write(`${JSON.stringify(event)}\n`);
}
