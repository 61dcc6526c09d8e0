import type { Finding, Preflight, Severity } from "@x/connector-api";
import type { Facts } from "./facts.js";
import { promiseOf } from "./promise.js";
import type { Rule } from "./rule.js";
import { rules } from "./rules.js";

const gravity: readonly Severity[] = ["error", "warning", "note"];

/** Judges facts by rules. Pure. */
export function judge(facts: Facts, by: readonly Rule[] = rules): Preflight {
  const findings = by.flatMap((rule): readonly Finding[] => {
    const { id, explanation } = rule;
    return [rule.breach(facts) ?? []].flat().map(({ severity = rule.severity, side = rule.side, message, remedy }) => ({
      ...{ id, severity, side, message, explanation, remedy },
    }));
  });
  return {
    promise: promiseOf(facts),
    findings: findings.sort((a, b) => gravity.indexOf(a.severity) - gravity.indexOf(b.severity)),
    rules: by.map(({ id }) => id),
  };
}
