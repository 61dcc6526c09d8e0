import { type ConnectorError, type ExitCode, type SourcePlace, toConnectorError } from "@x/connector-api";

/** An SQL text and the name it goes by in messages. */
export interface SqlFile {
  readonly name: string;
  readonly text: string;
}

export interface RenderedError {
  readonly text: string;
  readonly exitCode: ExitCode;
}

const secretOption =
  /((?:['"]?(?:auth|schema_registry)\.(?:password|token|jwt|nkey_seed|creds|bearer_token)['"]?)\s*=\s*)('(?:[^']|'')*'|[^\s,)]+)/gi;

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
  const line = text.split(/\r?\n/)[place.line - 1];
  if (line === undefined) return [];
  const { shown, column, length } = redact(line, place);
  const pad = shown.slice(0, column - 1).replace(/[^\t]/g, " ");
  return [shown, `${pad}${"^".repeat(Math.max(1, Math.min(length, shown.length - column + 1)))}`];
}

/** Replaces secret values in a line and moves the place along. */
function redact(line: string, place: SourcePlace): { shown: string; column: number; length: number } {
  let { column, length } = place;
  const shown = line.replace(secretOption, (match: string, key: string, _value: string, offset: number) => {
    const replacement = `${key}[secret]`;
    const valueColumn = offset + key.length + 1;
    if (place.column === valueColumn) length = "[secret]".length;
    else if (place.column > valueColumn) column += replacement.length - match.length;
    return replacement;
  });
  return { shown, column, length };
}
