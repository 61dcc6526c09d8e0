import type { DuckDBDataChunk, DuckDBVector } from "@duckdb/node-api";
import {
  type ConnectionSchema,
  type ConnectorError,
  isConnectorError,
  type Row,
  type RowValue,
  type SqlType,
} from "@x/connector-api";
import { createDuckdbType, duckdbTypeName, wireType } from "./duckdb-types.js";
import { createToDuckdb, type ToDuckdb } from "./duckdb-values.js";
import type { Duckdb } from "./open-duckdb.js";

/** The rows of the current micro-batch, which DuckDB reads straight from JavaScript. */
export interface DuckdbBatch {
  /** What stands behind FROM: the columns `idx` (row number) and `c<index>`, in their DuckDB types. */
  readonly from: string;
  /** Sets the rows of the next execution: those from `start` up to `end`. Their `idx` counts from the first row. */
  load(rows: readonly Readonly<Row>[], start: number, end: number): void;
  /** Why a row of the last execution could not cross over: DuckDB's own error says only that it failed. */
  readonly failure: ConnectorError | undefined;
}

interface LoadedColumn {
  readonly name: string;
  readonly sqlName: string;
  readonly type: SqlType;
  readonly convert: ToDuckdb;
}

/** Rows in a chunk of DuckDB's: its vectors hold no more. */
const chunkRows = 2048;

/** Registers the table function of a query: only the columns that its expressions read cross over to DuckDB. */
export function createDuckdbBatch(duckdb: Duckdb, schema: ConnectionSchema, columns: readonly number[]): DuckdbBatch {
  const { api, connection } = duckdb;
  const loaded = columns.flatMap((index): readonly LoadedColumn[] => {
    const column = schema.columns[index];
    if (column === undefined) return [];
    const { name, type } = column;
    return [{ name, sqlName: `c${index}`, type, convert: createToDuckdb(api, type) }];
  });
  let rows: readonly Readonly<Row>[] = [];
  let next = 0;
  let stop = 0;
  let failure: ConnectorError | undefined;
  connection.registerTableFunction(
    api.DuckDBTableFunction.create({
      name: "batch",
      bindFunction(bind) {
        bind.addResultColumn("idx", api.INTEGER);
        for (const column of loaded) bind.addResultColumn(column.sqlName, createDuckdbType(api, wireType(column.type)));
      },
      initFunction: (initialisation) => initialisation.setMaxThreads(1),
      mainFunction(info, chunk) {
        const start = next;
        next = Math.min(start + chunkRows, stop);
        try {
          writeChunk(chunk, loaded, rows, start, next);
        } catch (error) {
          if (isConnectorError(error)) failure = error;
          info.setError(error instanceof Error ? error.message : String(error));
        }
      },
    }),
  );
  return {
    from: `(SELECT idx${loaded.map(inDuckdbType).join("")} FROM batch())`,
    load(given, start, end) {
      rows = given;
      next = start;
      stop = end;
      failure = undefined;
    },
    get failure() {
      return failure;
    },
  };
}

function inDuckdbType({ sqlName, type }: LoadedColumn): string {
  const wire = duckdbTypeName(wireType(type));
  const own = duckdbTypeName(type);
  return wire === own ? `, ${sqlName}` : `, CAST(${sqlName} AS ${own}) AS ${sqlName}`;
}

function writeChunk(
  chunk: DuckDBDataChunk,
  columns: readonly LoadedColumn[],
  rows: readonly Readonly<Row>[],
  start: number,
  end: number,
): void {
  const count = end - start;
  chunk.rowCount = count;
  if (count === 0) return;
  const indexes = chunk.getColumnVector(0);
  for (let i = 0; i < count; i++) indexes.setItem(i, start + i);
  indexes.flush();
  for (const [at, { name, convert }] of columns.entries()) {
    const vector: DuckDBVector = chunk.getColumnVector(at + 1);
    for (let i = 0; i < count; i++) {
      const value = (rows[start + i] as Row)[name] as RowValue | undefined;
      vector.setItem(i, value === null || value === undefined ? null : convert(value));
    }
    vector.flush();
  }
}
