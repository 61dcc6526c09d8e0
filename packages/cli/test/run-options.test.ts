import { describe, expect, test } from "vitest";
import { parseRunFlags } from "../src/run-options.js";
import { parseScriptFlags } from "../src/script-flags.js";

const flags = { state: "memory:", checkpointInterval: "1s", drainTimeout: "25s", logLevel: "warn" };

test("a pipeline is named after its file, or as --name says", () => {
  expect(parseScriptFlags("/jobs/late-flights.sql", flags)).toMatchObject({ name: "late-flights" });
  expect(parseScriptFlags("a.sql", { ...flags, name: "billing" })).toMatchObject({ name: "billing" });
  expect(() => parseScriptFlags("a.sql", { ...flags, logLevel: "loud" })).toThrow(
    /--log-level: expected one of debug, info, warn, error; got "loud"/,
  );
});

describe("parseRunFlags", () => {
  test("reads durations and counts", () => {
    expect(parseRunFlags(flags)).toMatchObject({
      checkpointIntervalMs: 1000,
      drainTimeoutMs: 25_000,
      maxRows: undefined,
      untilCaughtUp: false,
    });
    expect(parseRunFlags({ ...flags, maxRows: "7" })).toMatchObject({ maxRows: 7 });
  });

  test.each([
    ["checkpointInterval", "soon", /--checkpoint-interval: expected a duration.*got "soon"/],
    ["checkpointInterval", "0s", /--checkpoint-interval/],
    ["drainTimeout", "-1s", /--drain-timeout/],
    ["maxRows", "many", /--max-rows: expected a whole number above 0; got "many"/],
    ["maxRows", "0", /--max-rows/],
  ])("refuses %s = %s", (name, value, message) => {
    expect(() => parseRunFlags({ ...flags, [name]: value })).toThrow(message);
  });
});
