import { type Column, ConnectorError, printSqlType } from "@x/connector-api";
import type { TableDefinition } from "./create-table.js";
import { castTypeName } from "./duckdb-types.js";
import type { QueryDefinition } from "./insert-select.js";
import type { Output } from "./projection.js";
import { createWidening, widenNothing } from "./widening.js";

/** A value of the SELECT list with its type; `type` is undefined for NULL. */
export interface PlannedItem {
  readonly output: Output;
  readonly type: Column["type"] | undefined;
  readonly nullable: boolean;
  readonly place: QueryDefinition["place"];
  /** As written, for messages. */
  readonly text: string;
}

/**
 * The outputs of an INSERT in the sink's order and under its names: the SELECT's items by position, columns that the
 * column list leaves out as null. Throws SQL_INVALID for another count, a narrowing type or a missing NOT NULL column.
 */
export function mapToSink(
  items: readonly PlannedItem[],
  sink: TableDefinition,
  query: QueryDefinition,
): readonly Output[] {
  const columns = sink.schema.columns;
  const place = query.sink?.place ?? query.place;
  refuseMetadata(sink);
  const targets = query.sink?.columns ?? columns.map((_, index) => index);
  if (targets.length !== items.length) {
    const takes = `"${sink.name}" takes ${count(targets.length)}${query.sink?.columns ? " here" : ""}`;
    const names = targets.map((index) => columns[index]?.name).join(", ");
    throw new ConnectorError("SQL_INVALID", `${takes} (${names}), the SELECT gives ${count(items.length)}`, { place });
  }
  return columns.map((column, index) => {
    const item = items[targets.indexOf(index)];
    if (item !== undefined) return assign(item, column, sink);
    if (column.nullable) {
      return { name: column.name, from: { kind: "constant", value: null }, widen: widenNothing };
    }
    const message = `column "${column.name}" of "${sink.name}" is NOT NULL and not in the column list; add it`;
    throw new ConnectorError("SQL_INVALID", message, { place });
  });
}

function assign({ output, type, text, place }: PlannedItem, column: Column, sink: TableDefinition): Output {
  const about = `column "${column.name}" of "${sink.name}"`;
  if (type === undefined) {
    if (column.nullable) return { ...output, name: column.name };
    throw new ConnectorError("SQL_INVALID", `${about} is NOT NULL and cannot be NULL`, { place });
  }
  const widen = createWidening(type, column.type);
  if (widen !== undefined) return { name: column.name, from: output.from, widen };
  const wanted = printSqlType(column.type);
  throw new ConnectorError(
    "SQL_INVALID",
    `${about} is ${wanted}, and ${text} is ${printSqlType(type)}; write CAST(${text} AS ${castTypeName(column.type)})`,
    { place },
  );
}

function refuseMetadata(sink: TableDefinition): void {
  const column = sink.schema.columns.find(({ metadataKey }) => metadataKey !== undefined);
  if (column === undefined) return;
  throw new ConnectorError(
    "SCHEMA_INVALID",
    `column "${column.name}" of "${sink.name}" is METADATA, which a sink cannot write; use options such as 'header.<Name>'`,
    { place: sink.columnPlaces.get(column.name) ?? sink.place },
  );
}

function count(columns: number): string {
  return columns === 1 ? "1 column" : `${columns} columns`;
}
