import type { Finding, Preflight } from "@x/connector-api";
import { connectorPlans } from "./connector-plans.js";
import type { StandingPlan } from "./read-plans.js";

/** A finding with the table it is about. */
export type TableFinding = Finding & { readonly table?: string };

/** The judgement of one pipeline, as `check --json` prints it. */
export interface Judgement {
  readonly name: string;
  readonly promise: string;
  readonly holds: boolean;
  readonly findings: readonly TableFinding[];
  readonly rules: readonly string[];
}

/** How long looking at the servers may take. */
const BUDGET_MS = 120_000;

/** Asks every connector of a pipeline. Rejects with the coded error of the first that has no way in. */
export async function judgePipeline(standing: StandingPlan, all: readonly StandingPlan[]): Promise<Judgement> {
  const { name, source, sink } = standing.pipeline;
  const found: Preflight[] = [];
  for (const { connector, plan } of connectorPlans(standing, all)) {
    found.push((await connector.preflight?.(plan, AbortSignal.timeout(BUDGET_MS))) ?? unchecked(connector.name));
  }
  const tables = { source: source.name, sink: sink?.name, pipeline: undefined };
  const findings = found
    .flatMap((one) => one.findings)
    .map((finding) => {
      const table = tables[finding.side];
      return { ...finding, ...(table === undefined ? {} : { table }) };
    });
  return {
    name,
    promise: found.at(-1)?.promise ?? "",
    holds: findings.every(({ severity }) => severity !== "error"),
    findings,
    rules: [...new Set(found.flatMap(({ rules }) => rules))],
  };
}

function unchecked(connector: string): Preflight {
  const finding: Finding = {
    id: "connector-without-check",
    severity: "note",
    side: "pipeline",
    message: `connector "${connector}" has no preflight`,
    explanation: "Nothing is known of the systems behind its tables.",
    remedy: "ask the author of the connector for one",
  };
  return { promise: "what the connector promises", findings: [finding], rules: [] };
}
