/** Any value JSON can hold. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * A value in a typed row. By SQL type: BOOLEAN boolean · SMALLINT, INT number · BIGINT and unsigned number when safe,
 * else bigint · REAL, DOUBLE number · DECIMAL string · TEXT, UUID, DATE, TIME string · BYTEA Uint8Array ·
 * TIMESTAMP(0..3) Date, (4..6) bigint microseconds, (7..9) bigint nanoseconds since the epoch · JSON any JSON value ·
 * T[] array · STRUCT object. A nullable column holds `null`, never `undefined`.
 */
export type RowValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | readonly RowValue[]
  | { readonly [field: string]: RowValue };

/** One row: a plain object with a key per column. */
export type Row = { [column: string]: RowValue };
