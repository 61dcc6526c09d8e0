import type { ConnectionSchema } from "./connection-schema.js";
import type { ConnectorOptions } from "./connector-options.js";
import type { JsonObject, Row } from "./row.js";
import type { Environment } from "./var-string.js";

/** What a format is given when it is opened, once per operator. */
export interface FormatContext {
  /** The physical columns in declared order: metadata columns are the collector's, never the format's. */
  readonly schema: ConnectionSchema;
  /** Aborts slow set-up (fetching a schema, for example), and what is fetched later. */
  readonly signal?: AbortSignal | undefined;
  /** Variables for `{{ NAME }}` in options that are stored unresolved (secrets). Default: `process.env`. */
  readonly environment?: Environment | undefined;
}

/** Bytes to rows. Compiled once at start, then synchronous. */
export interface Decoder {
  /**
   * On a decoder that learns schemas while it runs: asked before `decode`, for every payload and in order. Undefined:
   * decode at once; else `decode` waits until it resolves, and a rejection ends the run. `payload` is only valid during
   * the call.
   */
  prepare?(payload: Uint8Array): Promise<void> | undefined;
  /**
   * Appends the rows of one payload to `rows`. `payload` is only valid during the call: what is kept must be copied.
   * Throws a ConnectorError with code BAD_DATA that names column path, expected type and kind of what came, never the
   * value; rows appended before the throw are discarded by the caller.
   */
  decode(payload: Uint8Array, rows: Row[]): void;
}

/** Rows to bytes. Compiled once at start, then synchronous. */
export interface Encoder {
  /**
   * The payload of one row. The bytes belong to the caller. Throws a ConnectorError with code BAD_DATA for a row that
   * the format or the schema cannot hold.
   */
  encode(row: Readonly<Row>): Uint8Array;
}

/**
 * A payload format. A format that cannot decode (or encode) leaves the method out, and a table that needs it is refused
 * at start with the formats that could.
 */
export interface Format<Options extends JsonObject = JsonObject> {
  /** The word in `format = '…'`. */
  readonly name: string;
  /** True when a payload is text that `framing = 'newline'` may split. */
  readonly text: boolean;
  /**
   * Pulls the options that belong to this format (`json.…`) and returns them as plain JSON under their camelCase names,
   * ready to be stored in OperatorConfig.format. Throws a coded error for a bad value.
   */
  fromOptions(options: ConnectorOptions): Options;
  /** Parses the stored form (OperatorConfig.format without `type`). Throws OPTION_INVALID naming the path. */
  parse(value: unknown): Options;
  /** True when it reads and writes rows of any shape under a schema without columns; such a schema is not given to `checkSchema`. */
  readonly anyRows?: boolean;
  /** Refuses a schema this format cannot carry, with SCHEMA_INVALID. Called when a table is defined, before any I/O. */
  checkSchema?(schema: ConnectionSchema, options: Options): void;
  openDecoder?(options: Options, context: FormatContext): Promise<Decoder>;
  openEncoder?(options: Options, context: FormatContext): Promise<Encoder>;
}
