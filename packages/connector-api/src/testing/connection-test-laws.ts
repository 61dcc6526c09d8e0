import { expect } from "vitest";
import type { TestMessage } from "../connector.js";
import { within } from "./eventually.js";
import type { SinkLaw } from "./sink-laws.js";
import { appendBad, type SourceLaw } from "./source-laws.js";
import { suiteRows } from "./suite-rows.js";

/** A test that was told to stop says so within this time. */
const SOON_MS = 5000;

/**
 * The verdict of a connection test, having looked at everything it said: one verdict and at the end, times, a remedy
 * beside each failure, and no failure that the verdict passes over.
 */
export function verdictOf(messages: readonly TestMessage[]): TestMessage {
  const verdict = messages.at(-1);
  if (verdict === undefined) throw new Error("the test said nothing");
  expect(messages.map(({ done }) => done)).toEqual(messages.map((message) => message === verdict));
  for (const { step, status, message, remedy, elapsedMs } of messages) {
    expect(step).not.toBe("");
    expect(message).not.toBe("");
    expect(elapsedMs).toBeGreaterThanOrEqual(0);
    expect(["running", "ok", "failed"]).toContain(status);
    if (status === "failed") expect(remedy, `the remedy of "${step}": ${message}`).toMatch(/\S/);
  }
  expect(verdict.status).toBe(messages.some(({ status }) => status === "failed") ? "failed" : "ok");
  return verdict;
}

/** What a verdict is when the signal had aborted before anything began. */
export async function checkStopped(test: Promise<readonly TestMessage[]>): Promise<void> {
  expect(verdictOf(await within("the verdict of a stopped test", test, SOON_MS)).status).toBe("failed");
}

/** The laws of `Connector.test` about a source. */
export const sourceTestLaws: readonly SourceLaw[] = [
  {
    name: "its test finds a right table right, and takes nothing from the input",
    appliesTo: { tests: true },
    async check({ environment, capabilities, start, test }) {
      if (capabilities.replays) await environment.append(suiteRows(1, 5));
      const verdict = verdictOf(await test());
      expect(verdict.status, verdict.message).toBe("ok");
      if (capabilities.acks) expect(await environment.acked?.(), "acknowledged by the test").toBe(0);
      if (!capabilities.replays) return;
      const source = await start({ untilCaughtUp: true });
      await within("catching up", source.finished);
      expect(source.rows()).toEqual(suiteRows(1, 5));
    },
  },
  {
    name: "its test notices input that is no row of the table",
    appliesTo: { tests: true, replays: true, format: true },
    async check({ environment, test }) {
      await appendBad(environment);
      expect(verdictOf(await test()).status).toBe("failed");
    },
  },
  {
    name: "its test ends soon after its signal, with a verdict",
    appliesTo: { tests: true },
    check: async ({ test }) => await checkStopped(test({}, AbortSignal.abort())),
  },
];

/** The laws of `Connector.test` about a sink. */
export const sinkTestLaws: readonly SinkLaw[] = [
  {
    name: "its test finds a right table right, and writes nothing",
    appliesTo: { tests: true },
    async check({ environment, test }) {
      const verdict = verdictOf(await test());
      expect(verdict.status, verdict.message).toBe("ok");
      expect(await environment.read()).toEqual([]);
    },
  },
  {
    name: "its test ends soon after its signal, with a verdict",
    appliesTo: { tests: true },
    check: async ({ test }) => await checkStopped(test({}, AbortSignal.abort())),
  },
];
