import type { Severity } from "@x/connector-api";
import type { Judgement, TableFinding } from "../judge-pipeline.js";
import type { Style } from "./style.js";

/** The judgements of `check` for people: the gravest finding of each pipeline first. */
export function renderJudgements(judgements: readonly Judgement[], style: Style): string {
  return judgements.map((judgement) => renderJudgement(judgement, style)).join("\n");
}

function renderJudgement({ name, promise, holds, findings, rules }: Judgement, style: Style): string {
  const counts = (["error", "warning", "note"] as const)
    .map((severity) => countOf(findings, severity))
    .filter((text) => text !== "");
  const verdict = holds ? style.green("the promise can hold") : style.red("the promise cannot hold");
  return [
    `${style.bold(name)}: ${promise}`,
    ...findings.flatMap((finding) => renderFinding(finding, style)),
    `  ${verdict}: ${counts.join(", ") || "nothing found"}, ${rules.length} rules looked at`,
    "",
  ].join("\n");
}

function renderFinding({ severity, id, table, message, explanation, remedy }: TableFinding, style: Style): string[] {
  const paint = { error: style.red, warning: style.yellow, note: style.dim }[severity];
  const about = table === undefined ? "" : `table ${table}: `;
  return [
    `  ${paint(severity.padEnd(7))}  ${about}${message}  ${style.dim(`[${id}]`)}`,
    `           ${style.dim(explanation)}`,
    `           → ${remedy}`,
  ];
}

function countOf(findings: readonly TableFinding[], severity: Severity): string {
  const count = findings.filter((finding) => finding.severity === severity).length;
  return count === 0 ? "" : `${count} ${severity}${count === 1 ? "" : "s"}`;
}
