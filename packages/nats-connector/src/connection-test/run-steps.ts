import { abortable, ConnectorError, type TestMessage, toConnectorError } from "@x/connector-api";
import { remedyOf } from "./remedies.js";

/** One thing that a test tries. */
export interface TestStep {
  readonly name: string;
  /** What is being tried. */
  readonly doing: string;
  /** Resolves with what was found. Rejects with a coded error, which ends the test. */
  run(signal: AbortSignal): Promise<string>;
}

export interface TestRun {
  /** What is tested, for the verdict: `table "orders"`. */
  readonly what: string;
  readonly steps: readonly TestStep[];
  readonly signal: AbortSignal;
  /** Undoes and closes everything. Called once at least, also when nobody reads on. Idempotent, never rejects. */
  close(): Promise<void>;
}

/**
 * Runs steps in order until one fails, each timed, and ends with a verdict (`done`), which comes after everything is
 * closed. Ends soon after the signal, whatever a step is waiting for.
 */
export async function* runSteps({ what, steps, signal, close }: TestRun): AsyncGenerator<TestMessage, void> {
  const begun = performance.now();
  const since = (start: number): number => Math.round((performance.now() - start) * 100) / 100;
  try {
    for (const { name: step, doing, run } of steps) {
      const stepBegun = performance.now();
      yield { step, status: "running", message: doing, elapsedMs: 0, done: false };
      try {
        if (signal.aborted) throw new ConnectorError("ABORTED", "stopped", { cause: signal.reason });
        const message = await abortable(run(signal), signal);
        yield { step, status: "ok", message, elapsedMs: since(stepBegun), done: false };
      } catch (thrown) {
        const error = toConnectorError(thrown);
        const remedy = remedyOf(error);
        const failed = { status: "failed", remedy } as const;
        yield { step, ...failed, message: error.message, elapsedMs: since(stepBegun), done: false };
        await close();
        const message = `${what} does not work: ${error.message} (${error.code})`;
        yield { step: "verdict", ...failed, message, elapsedMs: since(begun), done: true };
        return;
      }
    }
    await close();
    yield { step: "verdict", status: "ok", message: `${what} works`, elapsedMs: since(begun), done: true };
  } finally {
    await close();
  }
}
