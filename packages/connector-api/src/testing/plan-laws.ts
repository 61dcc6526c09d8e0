import { expect } from "vitest";
import { isConnectorError } from "../errors.js";
import type { Explanation, Preflight, Severity } from "../pipeline-plan.js";
import { within } from "./eventually.js";
import type { SinkLaw } from "./sink-laws.js";
import type { SourceLaw } from "./source-laws.js";
import { suiteRows } from "./suite-rows.js";
import type { TableTools } from "./table-tools.js";

/** What was told to stop before it began rejects within this time. */
const SOON_MS = 5000;
const gravity: readonly Severity[] = ["error", "warning", "note"];

/** The findings of a judgement, having looked at how it is put: rules that were looked at, a remedy each, gravest first. */
export function findingsOf({ promise, findings, rules }: Preflight): Preflight["findings"] {
  expect(promise).toMatch(/\S/);
  expect(rules.length).toBeGreaterThan(0);
  expect(new Set(rules).size, "each rule once").toBe(rules.length);
  for (const { id, message, explanation, remedy } of findings) {
    expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(rules, "the rule of a finding was looked at").toContain(id);
    for (const text of [message, explanation, remedy]) expect(text, `of finding "${id}"`).toMatch(/\S/);
  }
  const order = findings.map(({ severity }) => gravity.indexOf(severity));
  expect(order, "the gravest first").toEqual([...order].sort((a, b) => a - b));
  return findings;
}

/** A call that was stopped before it began. */
export async function checkRefusesStopped(what: string, call: Promise<unknown>): Promise<void> {
  const error: unknown = await within(what, call, SOON_MS).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(isConnectorError(error), String(error)).toBe(true);
}

async function findsNothingWrong({ preflight }: TableTools): Promise<Preflight> {
  const judgement = await preflight();
  const wrong = findingsOf(judgement).filter(({ severity }) => severity === "error");
  expect(wrong, "what is wrong with a right table").toEqual([]);
  return judgement;
}

function checkExplanation(explanation: Explanation, side: "source" | "sink"): void {
  expect(JSON.parse(JSON.stringify(explanation)), "plain JSON").toEqual(explanation);
  expect(explanation.promise).toMatch(/\S/);
  expect(Object.keys(explanation[side] ?? {}).length, `what it says of the ${side}`).toBeGreaterThan(0);
}

/** The laws of `preflight` and `explain` about a source. */
export const sourcePlanLaws: readonly SourceLaw[] = [
  {
    name: "its preflight finds a right table right, and takes nothing from the input",
    appliesTo: { preflight: true },
    async check({ environment, capabilities, start, tools }) {
      if (capabilities.replays) await environment.append(suiteRows(1, 5));
      await findsNothingWrong(tools());
      if (capabilities.acks) expect(await environment.acked?.(), "acknowledged by it").toBe(0);
      if (!capabilities.replays) return;
      const source = await start({ untilCaughtUp: true });
      await within("catching up", source.finished);
      expect(source.rows()).toEqual(suiteRows(1, 5));
    },
  },
  {
    name: "its explanation says what a run would ask for, and takes nothing from the input",
    appliesTo: { explain: true },
    async check({ environment, capabilities, start, tools }) {
      if (capabilities.replays) await environment.append(suiteRows(1, 5));
      checkExplanation(await tools().explain(), "source");
      if (!capabilities.replays) return;
      const source = await start({ untilCaughtUp: true });
      await within("catching up", source.finished);
      expect(source.rows()).toEqual(suiteRows(1, 5));
    },
  },
  {
    name: "its preflight ends soon after its signal, with a coded error",
    appliesTo: { preflight: true },
    check: async ({ tools }) => await checkRefusesStopped("preflight", tools().preflight(AbortSignal.abort())),
  },
  {
    name: "its explanation ends soon after its signal, with a coded error",
    appliesTo: { explain: true },
    check: async ({ tools }) => await checkRefusesStopped("explain", tools().explain(AbortSignal.abort())),
  },
];

/** The laws of `preflight`, `explain` and `createMissing` about a sink. */
export const sinkPlanLaws: readonly SinkLaw[] = [
  {
    name: "its preflight finds a right table right, and writes nothing",
    appliesTo: { preflight: true },
    async check({ environment, tools }) {
      await findsNothingWrong(tools());
      expect(await environment.read()).toEqual([]);
    },
  },
  {
    name: "its explanation says what a run would ask for, in the words of its preflight, and writes nothing",
    appliesTo: { explain: true },
    async check({ environment, tools, offers }) {
      const explanation = await tools().explain();
      checkExplanation(explanation, "sink");
      if (offers.preflight) expect(explanation.promise).toBe((await tools().preflight()).promise);
      expect(await environment.read()).toEqual([]);
    },
  },
  {
    name: "makes nothing where nothing is missing, and leaves what is there",
    appliesTo: { createMissing: true },
    async check({ environment, write, tools }) {
      await write(suiteRows(1, 3));
      expect(await tools().createMissing()).toEqual([]);
      expect(await environment.read()).toEqual(suiteRows(1, 3));
    },
  },
];

/** The law of `createMissing` about a destination that is not there yet. */
export const missingSinkLaw: SinkLaw = {
  name: "makes what is missing, says what, once, and a sink can then write there",
  async check({ environment, write, tools }) {
    await checkRefusesStopped("createMissing", tools().createMissing(AbortSignal.abort()));
    const made = await tools().createMissing();
    expect(made.length).toBeGreaterThan(0);
    for (const part of made) for (const text of [part.kind, part.name, part.settings]) expect(text).toMatch(/\S/);
    expect(await tools().createMissing(), "a second time").toEqual([]);
    await write(suiteRows(1, 3));
    expect(await environment.read()).toEqual(suiteRows(1, 3));
  },
};
