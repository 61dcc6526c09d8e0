import type { PipelineSummary } from "@x/runtime";

/** The last words of a run for people: one line per pipeline. */
export function renderSummary(summaries: readonly PipelineSummary[]): string {
  return summaries.map((summary) => `${summaryLine(summary)}\n`).join("");
}

function summaryLine(summary: PipelineSummary): string {
  const seconds = summary.durationMs / 1000;
  const perSecond = Math.round(summary.rowsIn / Math.max(seconds, 0.001)).toLocaleString("en-US");
  const extras = [
    count(summary.badRows, "bad row"),
    count(summary.droppedRows, "dropped row"),
    count(summary.gaps, "gap"),
    count(summary.reconnects, "reconnect"),
  ].filter((text) => text !== "");
  return [
    `${summary.name}: ${summary.error === undefined ? "done" : `failed (${summary.error.code})`}`,
    `${summary.rowsIn} rows in, ${summary.rowsOut} rows out`,
    `${perSecond} rows/s`,
    `${count(summary.checkpoints, "checkpoint") || "no checkpoints"}`,
    ...extras,
    `${seconds.toFixed(2)} s`,
  ].join("  ·  ");
}

function count(number: number, noun: string): string {
  if (number === 0) return "";
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
