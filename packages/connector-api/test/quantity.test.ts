import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { parseBytes, parseDuration, printBytes, printDuration } from "../src/index.js";

const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe("durations", () => {
  test.prop([whole])("read back what was printed", (ms) => {
    expect(parseDuration(printDuration(ms))).toBe(ms);
  });

  it.each([
    ["250ms", 250],
    ["30s", 30_000],
    [" 5 m ", 300_000],
    ["1H", 3_600_000],
    ["7d", 604_800_000],
    ["1.5s", 1500],
    ["0.1s", 100],
    ["30", 30_000],
    ["0", 0],
  ])("reads %j", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it("reads a bare integer in the unit asked for", () => {
    expect(parseDuration("30", "ms")).toBe(30);
  });

  it.each([
    "",
    "s",
    "-1s",
    "1.5",
    "1.2345s",
    "5 minutes",
    "1h30m",
    "1e3s",
    "9999999999999999d",
    "toString",
    "5constructor",
  ])("refuses %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe("sizes", () => {
  test.prop([whole])("read back what was printed", (bytes) => {
    expect(parseBytes(printBytes(bytes))).toBe(bytes);
  });

  it.each([
    ["64MiB", 64 * 1024 * 1024],
    ["64MB", 64_000_000],
    ["512 kib", 512 * 1024],
    ["1.5KiB", 1536],
    ["100", 100],
    ["7B", 7],
  ])("reads %j", (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(["", "64M", "-1", "1.5", "0.3B", "64 MiB s", "Infinity"])("refuses %j", (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });
});
