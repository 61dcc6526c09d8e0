import type { BadDataConfig } from "./bad-data.js";
import type { FramingConfig } from "./framing.js";
import type { JsonObject } from "./row.js";

/** A format and its options as plain JSON: `type` is the format's name, the rest is the format's own. */
export type FormatConfig = JsonObject & { readonly type: string };

/** A column that is filled from the message around the payload. */
export interface MetadataField {
  /** The column's name. */
  readonly fieldName: string;
  /** The metadata key, as in `METADATA FROM 'key'`. */
  readonly key: string;
}

/** At most this many messages per second, enforced by the client. */
export interface RateLimitConfig {
  readonly messagesPerSecond: number;
}

/**
 * Everything an operator is made from, as plain JSON: what a host stores. `connection` (the profile) and `table` are
 * the connector's own shapes; strings in them may hold `{{ VAR }}`, which is resolved when the operator is made.
 */
export interface OperatorConfig {
  readonly connection: JsonObject;
  readonly table: JsonObject;
  readonly format?: FormatConfig;
  readonly badData?: BadDataConfig;
  readonly framing?: FramingConfig;
  readonly rateLimit?: RateLimitConfig;
  readonly metadataFields: readonly MetadataField[];
}
