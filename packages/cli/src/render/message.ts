import { type Column, parseColumn, type Row, type RowValue } from "@x/connector-api";
import { renderJsonValue } from "./json-value.js";
import { plainText, textOrBase64 } from "./plain-text.js";

/** Names no column of a payload has. */
const SEQ = "$seq";
const TIME = "$time";
const SUBJECT = "$subject";
const HEADERS = "$headers";

/** The columns around the payload that {@link createMessageRenderer} shows. Only stored messages have a sequence. */
export function messageColumns({
  stored,
  headers,
}: {
  readonly stored: boolean;
  readonly headers: boolean;
}): readonly Column[] {
  const from = (name: string, type: string, metadataKey: string): Column => ({
    ...parseColumn(name, type),
    metadataKey,
  });
  return [
    ...(stored ? [from(SEQ, "BIGINT", "stream_sequence")] : []),
    from(TIME, "TIMESTAMP", "timestamp"),
    from(SUBJECT, "TEXT", "subject"),
    ...(headers ? [from(HEADERS, "JSON", "headers")] : []),
  ];
}

/**
 * Messages for people, a line each (sequence, time, subject, headers, payload), or as JSON lines:
 * `{"seq","time","subject","headers"?,…}` with `row` for typed columns, else `value`, or `base64` for bytes that are no
 * text.
 */
export function createMessageRenderer({ json, typed }: { readonly json: boolean; readonly typed: boolean }) {
  return (row: Readonly<Row>): string => {
    const { [SEQ]: seq, [TIME]: time, [SUBJECT]: subject, [HEADERS]: headers, ...columns } = row;
    const payload = typed ? { row: columns } : payloadOf(columns.value ?? null);
    if (json) {
      const around = { seq: seq ?? undefined, time, subject, headers: headers ?? undefined };
      return `${renderJsonValue({ ...around, ...payload } as unknown as RowValue)}\n`;
    }
    const shown = Object.entries(payload).map(([name, value]) => text(name, value as RowValue));
    const around = [
      ...(seq === undefined ? [] : [String(seq).padStart(8)]),
      ...(time instanceof Date ? [time.toISOString()] : []),
      String(subject),
      ...(headers === undefined || headers === null ? [] : [renderJsonValue(headers)]),
    ];
    return `${[...around, ...shown].join("  ")}\n`;
  };
}

function text(name: string, value: RowValue): string {
  if (typeof value !== "string") return renderJsonValue(value);
  return name === "base64" ? `base64:${value}` : plainText(value);
}

function payloadOf(value: RowValue): { readonly value: RowValue } | { readonly base64: string } {
  if (!(value instanceof Uint8Array)) return { value };
  const content = textOrBase64(value);
  return "text" in content ? { value: content.text } : content;
}
