import {
  type ConnectionSchema,
  ConnectorError,
  type Environment,
  type Format,
  type FormatConfig,
  type MetadataField,
  physicalSchema,
} from "@x/connector-api";
import { validatingDecoder, validatingEncoder } from "./direct/standard-schema.js";
import type { OperatorParts } from "./make-operator.js";
import type { TableConfig } from "./table-config.js";
import { checkTableSchema } from "./table-schema.js";

/** How payloads become rows and back, opened when an operator is. */
export type PayloadFormat = Pick<OperatorParts, "openDecoder" | "openEncoder">;

/** The formats of one connector, by the configuration that names one. */
export interface PayloadFormats {
  /** Throws what does not fit between a table's columns and its format. */
  check(
    table: TableConfig,
    config: FormatConfig,
    metadataFields: readonly MetadataField[],
    schema: ConnectionSchema,
  ): void;
  payload(config: FormatConfig, schema: ConnectionSchema): PayloadFormat;
}

export function createPayloadFormats(
  resolveFormat: (name: string) => Format,
  environment: Environment,
): PayloadFormats {
  return {
    check(table, { type, ...stored }, metadataFields, schema) {
      const format = resolveFormat(type);
      checkTableSchema(table, schema, metadataFields, format, format.parse(stored) as never);
    },
    payload({ type, ...stored }, schema) {
      const format = resolveFormat(type);
      const formatOptions = format.parse(stored);
      const physical = physicalSchema(schema);
      const unable = new ConnectorError("UNSUPPORTED", `format "${type}" cannot be used here`);
      return {
        async openDecoder(signal) {
          const decoder = await format.openDecoder?.(formatOptions, { schema: physical, signal, environment });
          if (decoder === undefined) throw unable;
          return validatingDecoder(decoder, schema);
        },
        async openEncoder(signal) {
          const encoder = await format.openEncoder?.(formatOptions, { schema: physical, signal, environment });
          if (encoder === undefined) throw unable;
          return validatingEncoder(encoder, schema);
        },
      };
    },
  };
}
