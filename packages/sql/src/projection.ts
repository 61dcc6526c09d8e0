import type { RecordBatch, Row, RowValue, Transform } from "@x/connector-api";
import { isSame, type Widen } from "./widening.js";

/** Where the value of an output column comes from. `computed` is an index into what an engine computed for the row. */
export type OutputSource =
  | { readonly kind: "column"; readonly column: string }
  | { readonly kind: "constant"; readonly value: RowValue }
  | { readonly kind: "computed"; readonly index: number };

/** One column of the output rows. */
export interface Output {
  readonly name: string;
  readonly from: OutputSource;
  readonly widen: Widen;
}

/** Makes an output row of input row `row`; `computed[index][at]` are values an engine computed. */
export type ProjectRow = (row: Readonly<Row>, computed: readonly (readonly RowValue[])[], at: number) => Row;

/** True when every output row would equal its input row, so that rows can be handed on by reference. */
export function isIdentity(outputs: readonly Output[], sourceColumns: readonly string[]): boolean {
  return (
    outputs.length === sourceColumns.length &&
    outputs.every(
      ({ name, from, widen }, i) =>
        from.kind === "column" && from.column === sourceColumns[i] && name === from.column && isSame(widen),
    )
  );
}

/** Compiles a projection into one function that builds each row as one object literal. */
export function compileProjection(outputs: readonly Output[]): ProjectRow {
  const widenings = outputs.map(({ widen }) => widen);
  const constants = outputs.map(({ from, widen }) => (from.kind === "constant" ? widenValue(from.value, widen) : null));
  const fields = outputs.map(({ name, from, widen }, i) => {
    const value = valueText(from, i);
    const text = isSame(widen) || from.kind === "constant" ? value : `widenValue(${value}, widenings[${i}])`;
    return `[${JSON.stringify(name)}]: ${text}`;
  });
  const body = `return (row, computed, at) => ({ ${fields.join(", ")} });`;
  return new Function("widenings", "constants", "widenValue", body)(widenings, constants, widenValue) as ProjectRow;
}

function valueText(from: OutputSource, index: number): string {
  if (from.kind === "column") return `row[${JSON.stringify(from.column)}]`;
  return from.kind === "constant" ? `constants[${index}]` : `computed[${from.index}][at]`;
}

function widenValue(value: RowValue, widen: Widen): RowValue {
  return value === null ? null : widen(value);
}

/** A transform in plain code: columns chosen, renamed, widened, and constants added. Rows stay one to one. */
export function createProjection(outputs: readonly Output[], sourceColumns: readonly string[]): Transform {
  const identity = isIdentity(outputs, sourceColumns);
  const project = compileProjection(outputs);
  return {
    name: identity ? "identity" : "projection",
    deterministic: true,
    async open() {},
    process: identity ? (batch) => batch : (batch) => projectBatch(batch, project),
    async close() {},
  };
}

function projectBatch(batch: RecordBatch, project: ProjectRow): RecordBatch {
  const rows = new Array<Row>(batch.rows.length);
  for (let i = 0; i < rows.length; i++) rows[i] = project(batch.rows[i] as Row, [], i);
  return { rows, split: batch.split, positions: batch.positions, end: batch.end };
}
