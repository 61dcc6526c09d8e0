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

  test("shares splits where the state allows it", () => {
    expect(parseRunFlags(flags)).toMatchObject({ group: undefined, workers: undefined });
    expect(parseRunFlags({ ...flags, state: "file:x", workers: "3" })).toMatchObject({ workers: 3, group: undefined });
    const bucket = { ...flags, state: "nats-kv:X", group: "g" };
    expect(parseRunFlags({ ...bucket, workers: "3" })).toMatchObject({ workers: 3, group: "g" });
    expect(() => parseRunFlags({ ...bucket, state: "file:x" })).toThrow(/got "file:x", which is of one machine/);
    expect(() => parseRunFlags({ ...bucket, maxRows: "5" })).toThrow(/--max-rows counts the rows of one process/);
  });

  test.each([
    ["checkpointInterval", "soon", /--checkpoint-interval: expected a duration.*got "soon"/],
    ["checkpointInterval", "0s", /--checkpoint-interval/],
    ["drainTimeout", "-1s", /--drain-timeout/],
    ["maxRows", "many", /--max-rows: expected a whole number above 0; got "many"/],
    ["maxRows", "0", /--max-rows/],
    ["workers", "two", /--workers: expected a whole number above 0; got "two"/],
    ["workers", "2", /--workers: --state memory: is gone with its process/],
    ["group", "", /--group: expected a name/],
  ])("refuses %s = %s", (name, value, message) => {
    expect(() => parseRunFlags({ ...flags, [name]: value })).toThrow(message);
  });
});
