import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderPage } from "./page.js";
import type { RunRecord } from "./run-record.js";
import { BEGIN, END, summaryTable } from "./summary-table.js";

export const README_FILE: string = fileURLToPath(new URL("../../../../README.md", import.meta.url));
export const PAGE_FILE: string = fileURLToPath(new URL("../../results/reference.html", import.meta.url));

/** The README with the table of this record between its markers. */
export function withSummary(readme: string, record: RunRecord): string {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from === -1 || to === -1) throw new Error(`the README has no ${BEGIN} … ${END}`);
  return readme.slice(0, from) + summaryTable(record) + readme.slice(to + END.length);
}

/** Writes the page and the README's table anew. */
export function publish(record: RunRecord): void {
  writeFileSync(PAGE_FILE, renderPage(record));
  writeFileSync(README_FILE, withSummary(readFileSync(README_FILE, "utf8"), record));
}
