import {
  ConnectorError,
  isConnectorError,
  type RecordBatch,
  type Row,
  type RowValue,
  type Transform,
} from "@x/connector-api";
import { createDuckdbBatch, type DuckdbBatch } from "./duckdb-batch.js";
import { columnsOf, type DuckdbQuery } from "./duckdb-query.js";
import { duckdbTypeName, wireType } from "./duckdb-types.js";
import { createFromDuckdb, type FromDuckdb } from "./duckdb-values.js";
import { type Duckdb, openDuckdb } from "./open-duckdb.js";
import { compileProjection, isIdentity, type Output } from "./projection.js";

/** What DuckDB says about a batch: the input rows that survive, in order, and the expressions' values for each. */
interface Evaluation {
  readonly kept: number[];
  readonly computed: RowValue[][];
}

interface Running {
  readonly duckdb: Duckdb;
  readonly batch: DuckdbBatch;
  readonly statement: Awaited<ReturnType<Duckdb["connection"]["prepare"]>>;
}

/** A batch costs DuckDB a few visits of the event loop however small it is, so that waiting rows go in together. */
const PREFERRED_ROWS = 8192;

/**
 * Filters and computes with DuckDB. Only the columns that expressions read go in, only row numbers and computed values
 * come out; plain columns are taken from the input rows. DuckDB works on its own thread, so the event loop stays free.
 * `process` rejects with BAD_DATA when an expression fails for a row (overflow, a CAST that cannot be done).
 */
export function createDuckdbTransform(
  query: DuckdbQuery,
  outputs: readonly Output[],
  sourceColumns: readonly string[],
): Transform {
  const readers = query.types.map(createFromDuckdb);
  const identity = isIdentity(outputs, sourceColumns);
  const project = compileProjection(outputs);
  let running: Running | undefined;
  let closed = false;

  return {
    name: "duckdb",
    preferredRows: PREFERRED_ROWS,
    deterministic: query.deterministic,
    async open() {
      if (running !== undefined || closed) throw new ConnectorError("CLOSED", "this transform was opened before");
      const duckdb = await openDuckdb();
      running = await start(duckdb, query);
      if (closed) duckdb.close();
    },
    async process(batch) {
      if (running === undefined || closed) throw new ConnectorError("CLOSED", "this transform is not open");
      const { rows, split, positions, end } = batch;
      if (rows.length === 0) return batch;
      const { kept, computed } = await evaluate(running, readers, batch);
      if (identity && kept.length === rows.length) return batch;
      const out = kept.map((index, at) =>
        identity ? (rows[index] as Row) : project(rows[index] as Row, computed, at),
      );
      const outPositions = kept.length === rows.length ? positions : kept.map((index) => positions[index] ?? null);
      return { rows: out, split, positions: outPositions, end };
    },
    async close() {
      closed = true;
      running?.statement.destroySync();
      running?.duckdb.close();
      running = undefined;
    },
  };
}

async function start(duckdb: Duckdb, query: DuckdbQuery): Promise<Running> {
  const { schema, expressions, where, types } = query;
  const batch = createDuckdbBatch(
    duckdb,
    schema,
    columnsOf(where === undefined ? expressions : [...expressions, where]),
  );
  const values = expressions.map(({ sql }, i) => {
    const type = types[i];
    return type === undefined ? "" : `, CAST((${sql}) AS ${duckdbTypeName(wireType(type))})`;
  });
  const filter = where === undefined ? "" : ` WHERE ${where.sql}`;
  const statement = await duckdb.connection.prepare(`SELECT idx${values.join("")} FROM ${batch.from} AS b${filter}`);
  return { duckdb, batch, statement };
}

async function evaluate(running: Running, readers: readonly FromDuckdb[], batch: RecordBatch): Promise<Evaluation> {
  try {
    return await evaluateRange(running, readers, batch, 0, batch.rows.length);
  } catch (error) {
    throw await explain(running.batch.failure ?? error, running, readers, batch);
  }
}

async function evaluateRange(
  { batch: input, statement }: Running,
  readers: readonly FromDuckdb[],
  { rows }: RecordBatch,
  start: number,
  end: number,
): Promise<Evaluation> {
  input.load(rows, start, end);
  // Materialized: one wait per batch, where a streamed result takes one more for each chunk and for its end.
  const result = await statement.run();
  const kept: number[] = [];
  const computed: RowValue[][] = readers.map(() => []);
  for (let c = 0; c < result.chunkCount; c++) {
    const chunk = result.getChunk(c);
    chunk.visitColumnValues(0, (index) => kept.push(index as number));
    for (const [i, read] of readers.entries()) {
      const column = computed[i];
      chunk.visitColumnValues(i + 1, (value) => column?.push(value === null ? null : read(value)));
    }
  }
  return { kept, computed };
}

const badData = /^(Conversion|Out of Range|Invalid Input|Mismatch Type|Invalid Type|Constraint|Sequence|Value) Error/i;

/** Finds the first row that fails by halving the batch, so that the error can name its position. */
async function explain(
  error: unknown,
  running: Running,
  readers: readonly FromDuckdb[],
  batch: RecordBatch,
): Promise<ConnectorError> {
  const message = error instanceof Error ? error.message : String(error);
  const kind = badData.exec(message)?.[0];
  if (!isConnectorError(error) && kind === undefined) {
    return new ConnectorError("UNEXPECTED", `DuckDB failed: ${message.split(/[:\n]/, 1)[0]}`, { cause: error });
  }
  const what = isConnectorError(error) ? error.message : `DuckDB reports: ${kind}`;
  let start = 0;
  let end = batch.rows.length;
  while (end - start > 1) {
    const middle = (start + end) >> 1;
    const failed = await evaluateRange(running, readers, batch, start, middle).then(
      () => false,
      () => true,
    );
    if (failed) end = middle;
    else start = middle;
  }
  const position = batch.positions[start] ?? null;
  return new ConnectorError(
    "BAD_DATA",
    `split "${batch.split}", position ${position}: the SELECT cannot be evaluated: ${what}; filter the row out or write TRY_CAST`,
    { cause: error, context: { split: batch.split, position } },
  );
}
