import type { Column, ConnectionSchema, SqlType } from "@x/connector-api";
import { ConnectorError } from "@x/connector-api";

/**
 * The one column `value` of a format that carries a payload as a whole. SCHEMA_INVALID when the schema has another
 * shape; `what` names the format in the message, `kinds` are the types it takes, as SQL words.
 */
export function valueColumn(
  schema: ConnectionSchema,
  what: string,
  kinds: Partial<Record<SqlType["kind"], string>>,
): Column {
  const [column, ...others] = schema.columns;
  if (column !== undefined && others.length === 0 && column.name === "value" && kinds[column.type.kind] !== undefined) {
    return column;
  }
  const types = Object.values(kinds).join(" or ");
  const came = schema.columns.length === 0 ? "none" : schema.columns.map(({ name }) => `"${name}"`).join(", ");
  const reason =
    column !== undefined && others.length === 0 && column.name === "value" ? "of another type" : `columns: ${came}`;
  throw new ConnectorError(
    "SCHEMA_INVALID",
    `${what} needs exactly one column that is not metadata, "value" ${types}; got ${reason}`,
    { context: { format: what, columns: schema.columns.map(({ name }) => name) } },
  );
}
