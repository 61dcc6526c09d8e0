import { type Column, type ConnectionSchema, ConnectorError, type Transform } from "@x/connector-api";
import type { TableDefinition } from "./create-table.js";
import type { Expression } from "./expression.js";
import type { QueryDefinition } from "./insert-select.js";
import { mapToSink, type PlannedItem } from "./map-to-sink.js";
import type { Script } from "./parse-script.js";
import { createProjection, isIdentity, type Output } from "./projection.js";
import { widenNothing } from "./widening.js";

/** A query checked against its tables and ready to run. */
export interface QueryPlan {
  readonly source: TableDefinition;
  /** Absent for a bare SELECT: its rows go to stdout. */
  readonly sink?: TableDefinition;
  /** Columns of the output rows: the sink's, or those of the SELECT list. */
  readonly schema: ConnectionSchema;
  /** `identity` hands on rows by reference, `projection` is plain code, `duckdb` evaluates expressions. */
  readonly engine: "identity" | "projection" | "duckdb";
  readonly deterministic: boolean;
  /** A transform with state of its own. May be called several times. */
  createTransform(): Transform;
}

/**
 * Checks the types of a query and chooses what runs it. Loads DuckDB only when the query has a WHERE or an expression.
 * Rejects with SQL_INVALID, SQL_UNSUPPORTED or SCHEMA_INVALID with a place, DEPENDENCY_MISSING when DuckDB is needed and
 * not installed.
 */
export async function planQuery(script: Script, query: QueryDefinition): Promise<QueryPlan> {
  const source = tableOf(script, query.source.table);
  const sink = query.sink && tableOf(script, query.sink.table);
  const expressions = expressionsOf(query);
  const needsDuckdb = expressions.length > 0 || query.where !== undefined;
  const duckdb = needsDuckdb ? await import("./duckdb.js") : undefined;
  const computed = await duckdb?.describeDuckdbQuery(source.schema, expressions, query.where);
  const items = planItems(query, source, computed?.types ?? []);
  const columns = sink === undefined ? outputColumns(items) : sink.schema.columns;
  const outputs = sink === undefined ? items.map((item) => item.output) : mapToSink(items, sink, query);
  const sourceColumns = source.schema.columns.map((column) => column.name);
  const common = { source, ...(sink === undefined ? {} : { sink }), schema: { columns } };
  if (duckdb === undefined || computed === undefined) {
    const engine = isIdentity(outputs, sourceColumns) ? "identity" : "projection";
    return { ...common, engine, deterministic: true, createTransform: () => createProjection(outputs, sourceColumns) };
  }
  return {
    ...common,
    engine: "duckdb",
    deterministic: computed.deterministic,
    createTransform: () => duckdb.createDuckdbTransform(computed, outputs, sourceColumns),
  };
}

function tableOf(script: Script, name: string): TableDefinition {
  const table = script.tables.find((candidate) => candidate.name === name);
  if (table === undefined) throw new ConnectorError("USAGE", `the query is not of this script: no table "${name}"`);
  return table;
}

function expressionsOf(query: QueryDefinition): readonly Expression[] {
  return query.items.flatMap((item) => (item.kind === "expression" ? [item.expression] : []));
}

function planItems(
  query: QueryDefinition,
  source: TableDefinition,
  computedTypes: readonly Column["type"][],
): readonly PlannedItem[] {
  let computed = 0;
  return query.items.map((item) => {
    const { name, place } = item;
    const plan = (from: Output["from"], type: Column["type"] | undefined, nullable: boolean, text: string) => ({
      output: { name, from, widen: widenNothing },
      type,
      nullable,
      place,
      text,
    });
    if (item.kind === "literal") {
      return plan({ kind: "constant", value: item.value }, item.type, item.value === null, literalText(item.value));
    }
    if (item.kind === "expression") {
      const index = computed++;
      return plan({ kind: "computed", index }, computedTypes[index], true, item.expression.text);
    }
    const column = source.schema.columns[item.column];
    if (column === undefined) throw new ConnectorError("USAGE", "the query was parsed against another table");
    return plan({ kind: "column", column: column.name }, column.type, column.nullable, column.name);
  });
}

function literalText(value: unknown): string {
  return typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value).toUpperCase();
}

/** The columns of a bare SELECT, whose names become the keys of JSON lines. */
function outputColumns(items: readonly PlannedItem[]): readonly Column[] {
  const names = new Set<string>();
  return items.map(({ output: { name }, type, nullable, place }) => {
    if (names.has(name)) {
      throw new ConnectorError("SQL_INVALID", `two output columns are named "${name}"; rename one with AS`, { place });
    }
    names.add(name);
    return { name, type: type ?? { kind: "text" }, nullable };
  });
}
