import { describe, expect, test } from "vitest";
import { parseRunOptions } from "../src/run-options.js";

const flags = { state: "memory:", checkpointInterval: "1s", drainTimeout: "25s", logLevel: "warn" };

describe("parseRunOptions", () => {
  test("names a pipeline after its file", () => {
    expect(parseRunOptions("/jobs/late-flights.sql", flags)).toMatchObject({
      name: "late-flights",
      checkpointIntervalMs: 1000,
      drainTimeoutMs: 25_000,
      maxRows: undefined,
      untilCaughtUp: false,
    });
    expect(parseRunOptions("a.sql", { ...flags, name: "billing", maxRows: "7" })).toMatchObject({
      name: "billing",
      maxRows: 7,
    });
  });

  test.each([
    ["checkpointInterval", "soon", /--checkpoint-interval: expected a duration.*got "soon"/],
    ["checkpointInterval", "0s", /--checkpoint-interval/],
    ["drainTimeout", "-1s", /--drain-timeout/],
    ["maxRows", "many", /--max-rows: expected a number of rows above 0; got "many"/],
    ["maxRows", "0", /--max-rows/],
    ["logLevel", "loud", /--log-level: expected one of debug, info, warn, error; got "loud"/],
  ])("refuses %s = %s", (name, value, message) => {
    expect(() => parseRunOptions("a.sql", { ...flags, [name]: value })).toThrow(message);
  });
});
