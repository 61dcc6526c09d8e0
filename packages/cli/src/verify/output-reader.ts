import {
  type Column,
  type ConnectionSchema,
  ConnectorError,
  didYouMean,
  parseColumn,
  type RecordBatch,
  type Row,
  type RowValue,
} from "@x/connector-api";
import type { PlannedPipeline, PlannedTable } from "../plan-pipelines.js";
import { renderJsonValue } from "../render/json-value.js";
import type { Tally } from "./differences.js";
import { KeyTally } from "./key-tally.js";
import { LineageTally } from "./lineage-tally.js";

/** One way of telling outputs apart: what is expected of a batch, and what a batch of the sink shows. */
export interface OutputReader {
  createTally(ordered: boolean, saved: object | undefined): Tally<unknown>;
  /** The sink as it must be read. */
  plan(sink: PlannedTable): PlannedTable;
  expect(batch: RecordBatch, tally: Tally<unknown>): void;
  found(batch: RecordBatch, tally: Tally<unknown>): void;
  /** As `expect`, of inputs outside of the range; absent where an output says which input it is of. */
  beyond?(batch: RecordBatch, tally: Tally<unknown>): void;
  /** Throws when nothing of the pipeline was found although something is expected, and it knows why. */
  explainNothing(): void;
}

/** By columns of the sink where they are given, else by lineage headers. Throws USAGE for a column that is not there. */
export function outputReader(
  pipeline: PlannedPipeline,
  sink: PlannedTable,
  key: readonly string[] | undefined,
): OutputReader {
  return key === undefined ? lineageReader(pipeline) : keyReader(sink.schema, key);
}

function keyReader(schema: ConnectionSchema, key: readonly string[]): OutputReader {
  const names = schema.columns.map(({ name }) => name);
  for (const column of key) {
    if (names.includes(column)) continue;
    const text = `--key: the sink has no column "${column}"${didYouMean(column, names)}; it has ${names.join(", ")}`;
    throw new ConnectorError("USAGE", text);
  }
  const keyOf = (row: Readonly<Row>): string => renderJsonValue(key.map((column) => row[column] ?? null) as RowValue);
  return {
    createTally: (ordered, saved) => new KeyTally(ordered, saved) as Tally<unknown>,
    plan: (sink) => sink,
    expect: ({ rows }, tally) => rows.forEach((row) => void tally.expect(keyOf(row))),
    found: ({ rows }, tally) => rows.forEach((row) => void tally.found(keyOf(row))),
    beyond: ({ rows }, tally) => rows.forEach((row) => void tally.beyond?.(keyOf(row))),
    explainNothing() {},
  };
}

const header = (name: string): Column => ({ ...parseColumn(name, "TEXT"), metadataKey: `header.${name}` });
const STREAM = "X-Source-Stream";
const SEQUENCE = "X-Source-Sequence";
const INDEX = "X-Source-Index";
const PIPELINE = "X-Pipeline";
const headers = [STREAM, SEQUENCE, INDEX, PIPELINE].map(header);

/** The headers that `lineage = true` writes. Rows of other pipelines, or of none, are not of interest. */
function lineageReader({ name }: PlannedPipeline): OutputReader {
  let without = 0;
  let previous: unknown;
  let index = 0;
  return {
    createTally: (ordered, saved) => new LineageTally(ordered, saved) as Tally<unknown>,
    plan(sink) {
      const metadataFields = headers.map((column) => ({ fieldName: column.name, key: column.metadataKey ?? "" }));
      const { framing: _framing, ...config } = sink.config;
      return {
        ...sink,
        schema: { columns: [parseColumn("value", "BYTEA"), ...headers] },
        config: { ...config, format: { type: "raw_bytes" }, metadataFields },
      };
    },
    expect({ positions }, tally) {
      for (const position of positions) {
        index = position === previous ? index + 1 : 0;
        previous = position;
        tally.expect({ sequence: Number(position), index });
      }
    },
    found({ rows }, tally) {
      for (const row of rows) {
        if (row[SEQUENCE] === null || row[PIPELINE] !== name) {
          without += 1;
          continue;
        }
        tally.found({ sequence: Number(row[SEQUENCE]), index: Number(row[INDEX] ?? 0) });
      }
    },
    explainNothing() {
      if (without === 0) return;
      throw new ConnectorError(
        "USAGE",
        `the sink holds ${without} messages and none has lineage headers of pipeline "${name}"; set lineage = true at the sink before it runs, or tell rows apart with --key COLUMN`,
      );
    },
  };
}
