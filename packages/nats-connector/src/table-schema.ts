import {
  type ConnectionSchema,
  ConnectorError,
  type Format,
  type MetadataField,
  physicalSchema,
} from "@x/connector-api";
import { validatorOf } from "./direct/standard-schema.js";
import { compileMetadata } from "./message-metadata.js";
import { type TableConfig, tableTypeOf } from "./table-config.js";

/** The metadata columns of a schema. */
export function metadataFieldsOf(schema: ConnectionSchema): readonly MetadataField[] {
  return schema.columns.flatMap(({ name, metadataKey }) =>
    metadataKey === undefined ? [] : [{ fieldName: name, key: metadataKey }],
  );
}

/**
 * Refuses, before any I/O, columns that this kind of table or its format cannot have: SCHEMA_INVALID; and a format that
 * cannot go in the table's direction: UNSUPPORTED.
 */
export function checkTableSchema(
  table: TableConfig,
  schema: ConnectionSchema,
  metadataFields: readonly MetadataField[],
  format: Format,
  formatOptions: never,
): void {
  const isSource = tableTypeOf(table) === "source";
  if (schema.columns.length === 0) {
    const free = !isSource || validatorOf(schema) !== undefined;
    if (free && format.anyRows === true) return;
    const why = free ? `format "${format.name}" needs columns` : "a source needs columns";
    throw new ConnectorError("SCHEMA_INVALID", `${why}; give a schema of defineSchema`);
  }
  const [first] = metadataFields;
  if (!isSource && first !== undefined) {
    throw new ConnectorError(
      "SCHEMA_INVALID",
      `column "${first.fieldName}": a sink table cannot have metadata columns`,
    );
  }
  if (isSource) compileMetadata(metadataFields, schema, table.type === "core-source");
  if (isSource ? format.openDecoder === undefined : format.openEncoder === undefined) {
    throw new ConnectorError("UNSUPPORTED", `format "${format.name}" cannot ${isSource ? "read" : "write"}`);
  }
  format.checkSchema?.(physicalSchema(schema), formatOptions);
}
