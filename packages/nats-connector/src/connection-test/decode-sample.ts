import {
  type ConnectionSchema,
  createNewlineFraming,
  type Decoder,
  type FramingConfig,
  type Row,
} from "@x/connector-api";

/** What one message of the input decodes to. */
export interface Sample {
  readonly rows: number;
  /** Columns that are null in every row: perhaps misspelt. */
  readonly empty: readonly string[];
}

/** Decodes one payload as the source would, framing included. Rejects with BAD_DATA as it would, never with the value. */
export async function decodeSample(
  payload: Uint8Array,
  decoder: Decoder,
  framing: FramingConfig | undefined,
  schema: ConnectionSchema,
): Promise<Sample> {
  const frames: Uint8Array[] = [];
  if (framing === undefined) frames.push(payload);
  else {
    const split = createNewlineFraming(framing, (error) => {
      throw error;
    });
    split(payload, (frame) => void frames.push(frame));
  }
  const rows: Row[] = [];
  for (const frame of frames) {
    await decoder.prepare?.(frame);
    decoder.decode(frame, rows);
  }
  const names = schema.columns.map((column) => column.name);
  const empty = rows.length === 0 ? [] : names.filter((name) => rows.every((row) => (row[name] ?? null) === null));
  return { rows: rows.length, empty };
}

/** In words, for people: no value of the message. */
export function describeSample({ rows, empty }: Sample, schema: ConnectionSchema): string {
  const count = rows === 1 ? "one row" : `${rows} rows`;
  if (empty.length === 0) return `${count} decoded`;
  const which = empty.map((name) => `"${name}"`).join(", ");
  return empty.length === schema.columns.length
    ? `${count} decoded, but every column is null (${which}): do their names match the fields of the payload?`
    : `${count} decoded; null in it: ${which}`;
}
