import type { DuckDBType } from "@duckdb/node-api";
import { type ConnectionSchema, ConnectorError, type SqlType } from "@x/connector-api";
import { createDuckdbBatch, type DuckdbBatch } from "./duckdb-batch.js";
import { sqlTypeOf } from "./duckdb-types.js";
import type { Expression } from "./expression.js";
import { type Duckdb, openDuckdb } from "./open-duckdb.js";

/** The part of a query that DuckDB evaluates, with the types it found. */
export interface DuckdbQuery {
  readonly schema: ConnectionSchema;
  readonly expressions: readonly Expression[];
  readonly where: Expression | undefined;
  /** Type per expression. */
  readonly types: readonly SqlType[];
  readonly deterministic: boolean;
}

/** Asks DuckDB for the types of expressions and WHERE against an empty batch. Throws with the expression's place. */
export async function describeDuckdbQuery(
  schema: ConnectionSchema,
  expressions: readonly Expression[],
  where: Expression | undefined,
): Promise<DuckdbQuery> {
  const all = where === undefined ? expressions : [...expressions, where];
  const duckdb = await openDuckdb();
  try {
    const batch = createDuckdbBatch(duckdb, schema, columnsOf(all));
    const types: SqlType[] = [];
    for (const expression of expressions) types.push(await describe(duckdb, batch, schema, expression));
    if (where !== undefined) await checkWhere(duckdb, batch, schema, where);
    return { schema, expressions, where, types, deterministic: all.every((expression) => !expression.volatile) };
  } finally {
    duckdb.close();
  }
}

/** Indexes of the source columns that expressions read, ascending. */
export function columnsOf(expressions: readonly Expression[]): readonly number[] {
  return [...new Set(expressions.flatMap((expression) => expression.columns))].sort((a, b) => a - b);
}

async function describe(
  duckdb: Duckdb,
  batch: DuckdbBatch,
  schema: ConnectionSchema,
  expression: Expression,
): Promise<SqlType> {
  const type = await typeOf(duckdb, batch, schema, expression);
  const found = sqlTypeOf(duckdb.api, type, timestampPrecision(schema, expression));
  if (typeof found !== "string") return found;
  throw new ConnectorError(
    "SQL_UNSUPPORTED",
    `${expression.text} is ${found}, which no column can hold; write CAST(${expression.text} AS …) with a type of ours`,
    { place: expression.place },
  );
}

/** Times computed from times in milliseconds are in milliseconds again, although DuckDB computes in microseconds. */
function timestampPrecision(schema: ConnectionSchema, expression: Expression): 3 | 6 {
  const times = expression.columns.flatMap((index) => {
    const type = schema.columns[index]?.type;
    return type?.kind === "timestamp" ? [type.precision] : [];
  });
  return !expression.volatile && times.length > 0 && times.every((precision) => precision <= 3) ? 3 : 6;
}

async function checkWhere(
  duckdb: Duckdb,
  batch: DuckdbBatch,
  schema: ConnectionSchema,
  where: Expression,
): Promise<void> {
  const type = await typeOf(duckdb, batch, schema, where);
  if (type.typeId === duckdb.api.DuckDBTypeId.BOOLEAN) return;
  throw new ConnectorError("SQL_INVALID", `WHERE needs a BOOLEAN, and ${where.text} is ${type}; write a comparison`, {
    place: where.place,
  });
}

async function typeOf(
  duckdb: Duckdb,
  batch: DuckdbBatch,
  schema: ConnectionSchema,
  { sql, text, place }: Expression,
): Promise<DuckDBType> {
  try {
    const statement = await duckdb.connection.prepare(`SELECT ${sql} FROM ${batch.from} AS b`);
    const type = statement.columnType(0);
    statement.destroySync();
    return type;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const [first = ""] = message.replace(/^[A-Za-z ]+ Error: /, "").split("\n", 1);
    const named = first.replaceAll(/\bc(\d+)\b/g, (written, index) => schema.columns[Number(index)]?.name ?? written);
    throw new ConnectorError("SQL_INVALID", `DuckDB cannot evaluate ${text}: ${named}`, { place, cause });
  }
}
