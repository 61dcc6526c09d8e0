import { type ConnectionSchema, ConnectorError, type Row, type SourcePosition } from "@x/connector-api";
import type { EncodedHeaders } from "../nats-client.js";
import { HeaderBytes } from "./header-bytes.js";
import { type Lineage, lineageNames } from "./lineage.js";
import { parseRowTemplate, type RowTemplate } from "./row-template.js";

/** The headers of each row as bytes for the wire. The bytes are never written again, so they can be kept for a resend. */
export interface HeaderEncoder {
  /** The same for every row; undefined when there are none or they differ. */
  readonly constant: Uint8Array | undefined;
  /**
   * The header block of a row; undefined when the sink has no headers. Throws BAD_DATA naming the column for a value
   * that would break out of its header (CR, LF, control characters) or make no message id (null, empty, blank edges).
   * The row is the `index`th of the input at `position`.
   */
  encode(row: Readonly<Row>, position: SourcePosition, index: number): Uint8Array | undefined;
}

export interface HeaderOptions {
  /** Headers of the sink's own, checked already. */
  readonly fixed: Readonly<Record<string, string>>;
  /** Template of `Nats-Msg-Id`. */
  readonly messageId?: string | undefined;
  /** Header name → template. A header is left out of a message when a column in it is null. */
  readonly templates: Readonly<Record<string, string>>;
  /** The names of lineage are taken. */
  readonly lineage?: boolean | undefined;
}

const VERSION = "NATS/1.0\r\n";
const END = "\r\n";
const NAME = /^[!-9;-~]+$/;
/** What the sink or the server's protocol owns; setting it by hand would break a promise made elsewhere. */
const OWNED = /^nats-(msg-id|expected-|batch-)/i;
const FORBIDDEN = /[\p{Cc}\p{Cs}]/u;

/**
 * Compiles the headers of a sink. Throws OPTION_INVALID for a name or a literal that is no header. `lineage` is known
 * only at `open`; whether a table has it, from the start.
 */
export function compileHeaders(options: HeaderOptions, schema: ConnectionSchema, lineage?: Lineage): HeaderEncoder {
  let fixed = "";
  for (const [name, value] of Object.entries({ ...options.fixed, ...lineage?.fixed })) fixed += `${name}: ${value}\r\n`;
  const fields: Field[] = [];
  for (const [name, source] of Object.entries(options.templates)) {
    checkName(name, options.lineage === true);
    const template = parseLiteral(`header.${name}`, source, schema);
    if (template.columns.length === 0) fixed += `${name}: ${source}\r\n`;
    else fields.push({ name, start: Buffer.from(`${name}: `), template, isId: false });
  }
  if (options.messageId !== undefined) fields.push(idField(options.messageId, schema));
  if (fields.length === 0 && lineage === undefined) {
    const constant = fixed === "" ? undefined : Buffer.from(VERSION + fixed + END);
    return { constant, encode: () => constant };
  }
  const start = Buffer.from(VERSION + fixed);
  const out = new HeaderBytes();
  return {
    constant: undefined,
    encode(row, position, index) {
      out.bytes(start);
      try {
        if (lineage !== undefined) out.text(lineage.lines(position, index));
        for (const field of fields) writeField(field, row, out);
      } catch (error) {
        out.drop();
        throw error;
      }
      out.text(END);
      return out.take();
    },
  };
}

interface Field {
  readonly name: string;
  readonly start: Uint8Array;
  readonly template: RowTemplate;
  readonly isId: boolean;
}

function idField(source: string, schema: ConnectionSchema): Field {
  const template = parseLiteral("message_id", source, schema);
  if (template.columns.length === 0) {
    const message = `message_id: "${source}" is the same for every row, so all but the first would be dropped as duplicates; name a column as in {id}`;
    throw new ConnectorError("OPTION_INVALID", message);
  }
  return { name: "Nats-Msg-Id", start: Buffer.from("Nats-Msg-Id: "), template, isId: true };
}

function writeField(field: Field, row: Readonly<Row>, out: HeaderBytes): void {
  const text = fieldText(field, row);
  if (text === undefined) return;
  out.bytes(field.start);
  out.text(text);
  out.text("\r\n");
}

/** Undefined for a header that is left out. */
function fieldText(field: Field, row: Readonly<Row>): string | undefined {
  const { columns, literals } = field.template;
  let text = literals[0] ?? "";
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    if (column === undefined) break;
    const value = row[column.name];
    if (value === null || value === undefined) {
      if (!field.isId) return undefined;
      throw refused("message_id", column.name, "is null");
    }
    const part = column.text(value);
    if (typeof value === "string" && needsLook(part)) checkPart(field, column.name, part);
    text += part + (literals[i + 1] ?? "");
  }
  if (field.isId && (text === "" || text !== text.trim())) {
    throw refused("message_id", columns[0]?.name ?? "", "makes an id that is empty or has spaces at its edges");
  }
  return text;
}

/** True unless the text is printable ASCII throughout. */
function needsLook(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || code > 126) return true;
  }
  return false;
}

function checkPart(field: Field, column: string, text: string): void {
  if (!FORBIDDEN.test(text)) return;
  const what = field.isId ? "message_id" : `header.${field.name}`;
  throw refused(what, column, "holds a line break, a control character or half a surrogate pair");
}

function refused(what: string, column: string, why: string): ConnectorError {
  return new ConnectorError("BAD_DATA", `${what}: the value of column "${column}" ${why}`, { context: { column } });
}

function parseLiteral(option: string, source: string, schema: ConnectionSchema): RowTemplate {
  const template = parseRowTemplate(option, source, schema);
  if (template.literals.some((literal) => FORBIDDEN.test(literal))) {
    throw new ConnectorError("OPTION_INVALID", `${option}: a header cannot hold line breaks or control characters`);
  }
  return template;
}

function checkName(name: string, lineage: boolean): void {
  if (!NAME.test(name)) {
    throw new ConnectorError(
      "OPTION_INVALID",
      `header.${name}: a header name is printable ASCII without ":" and spaces`,
    );
  }
  if (OWNED.test(name)) {
    const instead = /^nats-msg-id$/i.test(name) ? "use message_id" : "the sink sets it itself where it is needed";
    throw new ConnectorError("OPTION_INVALID", `header.${name}: ${instead}`);
  }
  if (lineage && lineageNames.includes(name.toLowerCase())) {
    throw new ConnectorError("OPTION_CONFLICT", `header.${name}: lineage = true sets it itself; keep one of the two`);
  }
}

/** Hands bytes to the client, which calls `encode()` once within `publish`: one object serves all messages. */
export class HeaderCursor implements EncodedHeaders {
  bytes: Uint8Array = new Uint8Array(0);
  encode(): Uint8Array {
    return this.bytes;
  }
}
