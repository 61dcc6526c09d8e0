import { appendFileSync } from "node:fs";

/** @typedef {{ name?: string, message: string, stack?: string, diff?: string, cause?: ReportedError }} ReportedError */

/**
 * A line of a report. What began and has no result was under way when the run was ended; `broken` is what failed without
 * a test: a file that cannot be loaded, a hook of a suite, an error that nobody caught.
 * @typedef {{ event: "began", test: string }
 *   | { event: "result", test: string, state: "passed" | "failed" | "skipped", errors: readonly ReportedError[] }
 *   | { event: "broken", place: string, errors: readonly ReportedError[] }
 *   | { event: "end" }} ReportLine
 */

/**
 * The reporter of the lanes: `vitest --reporter=<this file> --outputFile.lane=FILE`. Appends a line of JSON as soon as
 * something happens. Vitest's own `json` writes once, at the end, and of an error the stack alone: that of a time-out has
 * lost its message, and of an error that no test threw there is no trace.
 */
export default class LaneReporter {
  #file = "";

  /** @param {import("vitest/node").Vitest} vitest */
  onInit({ config }) {
    const { outputFile } = config;
    const file = typeof outputFile === "object" ? outputFile.lane : undefined;
    if (!file) throw new Error("expected --outputFile.lane=FILE, which the lane's report goes to");
    this.#file = file;
  }

  /** @param {import("vitest/node").TestCase} test */
  onTestCaseReady(test) {
    this.#write({ event: "began", test: titleOf(test) });
  }

  /** @param {import("vitest/node").TestCase} test */
  onTestCaseResult(test) {
    const { state, errors = [] } = test.result();
    if (state !== "pending")
      this.#write({ event: "result", test: titleOf(test), state, errors: errors.map(toReported) });
  }

  /**
   * @param {readonly import("vitest/node").TestModule[]} modules
   * @param {readonly import("vitest/node").SerializedError[]} uncaught
   */
  onTestRunEnd(modules, uncaught) {
    for (const module of modules) {
      this.#broken(module.relativeModuleId, module.errors());
      for (const suite of module.children.allSuites())
        this.#broken(`${module.relativeModuleId} > ${suite.fullName}`, suite.errors());
    }
    this.#broken("outside of a test", uncaught);
    this.#write({ event: "end" });
  }

  /**
   * @param {string} place
   * @param {readonly import("vitest/node").SerializedError[]} errors
   */
  #broken(place, errors) {
    if (errors.length > 0) this.#write({ event: "broken", place, errors: errors.map(toReported) });
  }

  /** @param {ReportLine} line */
  #write(line) {
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** @param {import("vitest/node").TestCase} test */
const titleOf = ({ module, fullName }) => `${module.relativeModuleId} > ${fullName}`;

/**
 * What an error says; whatever else it carries may be large, or cannot be written.
 * @param {ReportedError} error
 * @returns {ReportedError}
 */
function toReported({ name, message, stack, diff, cause }) {
  return {
    ...(name !== undefined && { name }),
    message: String(message),
    ...(stack !== undefined && { stack }),
    ...(diff !== undefined && { diff }),
    ...(cause && typeof cause === "object" && { cause: toReported(cause) }),
  };
}
