import { describe, expect, test } from "vitest";
import { parseTracestate } from "../src/trace-context.ts";

const members = (count: number): string => Array.from({ length: count }, (_, i) => `k${i}=v`).join(",");

describe("a tracestate", () => {
  test.each([
    [["rojo=00f067aa0ba902b7"], "rojo=00f067aa0ba902b7"],
    [["rojo=1,congo=t61rcWkgMzE"], "rojo=1,congo=t61rcWkgMzE"],
    [["rojo=1 ,\t, congo=2"], "rojo=1,congo=2"],
    [["rojo=1", "congo=2"], "rojo=1,congo=2"],
    [["fw529a3039@dt=FfD9;a b!"], "fw529a3039@dt=FfD9;a b!"],
    [[members(32)], members(32)],
    [[`a=${"v".repeat(256)}`], `a=${"v".repeat(256)}`],
  ])("of %j is carried on", (values, expected) => {
    expect(parseTracestate(values)).toBe(expected);
  });

  test.each([
    [[]],
    [[""]],
    [[" , "]],
    [["rojo"]],
    [["rojo="]],
    [["=1"]],
    [["Rojo=1"]],
    [["rojo=1=2"]],
    [["rojo =1"]],
    [["rojo=1,rojo=2"]],
    [["rojo=1\r\nNats-Rollup: all"]],
    [["rojo=é"]],
    [["1ab=1"]],
    [["ab@1c=1"]],
    [[members(33)]],
    [[`a=${"v".repeat(257)}`]],
    [[`a=${"v".repeat(256)},b=${"v".repeat(252)}`]],
  ])("of %j is dropped", (values) => {
    expect(parseTracestate(values)).toBeUndefined();
  });

  test("may have 512 characters", () => {
    const text = `a=${"v".repeat(256)},b=${"v".repeat(251)}`;
    expect(text).toHaveLength(512);
    expect(parseTracestate([text])).toBe(text);
  });
});
