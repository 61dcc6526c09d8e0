import { defineSchema } from "../define-schema.js";
import type { Row } from "../row.js";

/** A row of the suites: a number that says its place, and a text with everything that gets lost on bad roads. */
export type SuiteRow = { readonly n: number; readonly text: string };

/** The columns of every table that the suites read and write. */
export const suiteSchema = defineSchema({ n: "BIGINT NOT NULL", text: "TEXT NOT NULL" });

const texts = ["", "plain", 'quo"te, \\ and {brace}', "ümläut 漢字 😀", " spaces\tand tabs ", "x".repeat(300)];

/** Rows `from` … `to`, both included. The same number always gives the same row. */
export function suiteRows(from: number, to: number): SuiteRow[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    n: from + i,
    text: texts[(from + i) % texts.length] ?? "",
  }));
}

/** What a row shows of a suite row; a number may have come as a bigint. */
export function suiteRowOf(row: Readonly<Row>): SuiteRow {
  return { n: Number(row.n), text: String(row.text) };
}
