import { type ConnectorError, type ExitCode, type SourcePlace, toConnectorError } from "@x/connector-api";
import { hideSecrets } from "./hide-secrets.js";

/** An SQL text and the name it goes by in messages. */
export interface SqlFile {
  readonly name: string;
  readonly text: string;
}

export interface RenderedError {
  readonly text: string;
  readonly exitCode: ExitCode;
}

/**
 * An error as people read it: `FILE:LINE:COL: CODE: message`, the line it stands in with every secret option's value
 * shown as `[secret]`, and a caret under the place. The stack only with `stack`.
 */
export function renderError(value: unknown, file?: SqlFile, stack = false): RenderedError {
  const error = toConnectorError(value);
  const lines = [headline(error, file)];
  if (file !== undefined && error.place !== undefined) lines.push(...excerpt(file.text, error.place));
  if (stack && error.stack !== undefined) lines.push(error.stack);
  return { text: lines.join("\n"), exitCode: error.exitCode };
}

function headline(error: ConnectorError, file: SqlFile | undefined): string {
  const place = error.place === undefined ? "" : `:${error.place.line}:${error.place.column}`;
  const where = file === undefined ? "nats-pipeline" : `${file.name}${place}`;
  return `${where}: ${error.code}: ${error.message}`;
}

function excerpt(text: string, place: SourcePlace): string[] {
  const line = hideSecrets(text, place);
  if (line === undefined) return [];
  const pad = line.text.slice(0, line.column - 1).replace(/[^\t]/g, " ");
  return [line.text, `${pad}${"^".repeat(Math.max(1, Math.min(line.length, line.text.length - line.column + 1)))}`];
}
