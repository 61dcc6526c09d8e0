import type { RecordBatch, Row, Transform } from "@x/connector-api";
import { parseScript, planQuery, type QueryPlan } from "@x/sql";

/** Plans the last query of a text. */
export async function planOf(text: string): Promise<QueryPlan> {
  const script = await parseScript(text);
  const query = script.queries.at(-1);
  if (query === undefined) throw new Error("the text has no query");
  return planQuery(script, query);
}

/** A batch whose row i has position 100 + i. */
export function batchOf(rows: readonly Row[]): RecordBatch {
  return { rows, split: "s", positions: rows.map((_, i) => 100 + i), end: 100 + rows.length };
}

/** Opens the transform of the last query of a text, uses it and closes it. */
export async function withTransform<T>(text: string, use: (transform: Transform) => Promise<T> | T): Promise<T> {
  const transform = (await planOf(text)).createTransform();
  try {
    await transform.open();
    return await use(transform);
  } finally {
    await transform.close();
  }
}
