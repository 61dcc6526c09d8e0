import { describe, expect, test } from "vitest";
import type { StreamInfo } from "../../src/jetstream/api.js";
import { filtersBehindTheLast, resolveSplits, splitNames } from "../../src/source/splits.js";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { parseTable } from "../../src/table-config.js";

const table = (fields: object): JetStreamSourceTable =>
  parseTable({ type: "jetstream-source", stream: "S", ...fields }) as JetStreamSourceTable;
const stream = (config: object): StreamInfo => ({ config: { name: "S", subjects: ["ord.*"], ...config } }) as never;
const filtersOf = (fields: object, config: object): readonly (readonly string[])[] =>
  resolveSplits(table(fields), stream(config)).map((split) => split.filters);
const byToken = (token: number, count = 2): object => ({ partition: { by: "token", token, count } });
const byTransform = (dest: string): object => ({ subject_transform: { src: "ord.*", dest } });

describe("splits", () => {
  test("an unpartitioned table is one split of everything, or of its filters", () => {
    expect(filtersOf({}, {})).toEqual([[]]);
    expect(filtersOf({ filterSubjects: ["ord.a", "ord.b"] }, {})).toEqual([["ord.a", "ord.b"]]);
    expect(splitNames(table({}))).toEqual(["0"]);
  });

  test.each([
    [["ord.*.*"], 2, [["ord.0.*"], ["ord.1.*"]]],
    [["ord.*"], 2, [["ord.0"], ["ord.1"]]],
    [["*.ord.>", "x.y"], 1, [["0.ord.>"], ["1.ord.>"]]],
    // Behind the token there may be more, or nothing.
    [
      ["ord.>"],
      2,
      [
        ["ord.0", "ord.0.>"],
        ["ord.1", "ord.1.>"],
      ],
    ],
    [
      [">"],
      3,
      [
        ["*.*.0", "*.*.0.>"],
        ["*.*.1", "*.*.1.>"],
      ],
    ],
    // A subject whose number is fixed belongs to that partition alone.
    [["ord.0.a", "ord.1.b"], 2, [["ord.0.a"], ["ord.1.b"]]],
  ])("by a number in a token of %j", (subjects, token, expected) => {
    expect(filtersOf(byToken(token), { subjects })).toEqual(expected);
  });

  test("by a token of the user's filters, of a transform, and of what comes from other streams", () => {
    expect(filtersOf({ ...byToken(2), filterSubjects: ["ord.*.eu"] }, {})).toEqual([["ord.0.eu"], ["ord.1.eu"]]);
    const dest = "ord.{{partition(2,1)}}.{{wildcard(1)}}";
    expect(filtersOf(byToken(2), byTransform(dest))).toEqual([["ord.0.*"], ["ord.1.*"]]);
    expect(filtersOf(byToken(1), { subjects: undefined, mirror: { name: "O" } })).toEqual([
      ["0", "0.>"],
      ["1", "1.>"],
    ]);
  });

  test("by the stream's transform", () => {
    const partition = { by: "transform", count: 3 };
    const expected = [["ord.0.*"], ["ord.1.*"], ["ord.2.*"]];
    for (const dest of ["ord.{{partition(3,1)}}.{{wildcard(1)}}", "ord.{{ Partition(3, 1) }}.$1"]) {
      expect(filtersOf({ partition }, byTransform(dest))).toEqual(expected);
    }
    expect(filtersBehindTheLast(table({ partition }), stream(byTransform("{{partition(3,1)}}.$1")))).toEqual(["3.*"]);
  });

  test("by filters", () => {
    const partition = { by: "filters", filters: ["ord.eu.>", "ord.us.>"] };
    expect(filtersOf({ partition }, {})).toEqual([["ord.eu.>"], ["ord.us.>"]]);
    expect(filtersBehindTheLast(table({ partition }), stream({}))).toBeUndefined();
  });

  test.each([
    [{ partition: { by: "filters", filters: ["a.>", "a.*"] } }, {}, "overlap"],
    [byToken(3), {}, "no number there"],
    [{ partition: { by: "transform", count: 3 } }, {}, "no subject transform"],
    [{ partition: { by: "transform", count: 3 } }, byTransform("ord.{{partition(4,1)}}.$1"), "makes 4"],
    [{ partition: { by: "transform", count: 3 } }, byTransform("{{split(1,-)}}.{{partition(3,1)}}"), "fixed token"],
  ])("refuses what cannot be cut: %j", (fields, config, text) => {
    const invalid = expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(text) });
    expect(() => filtersOf(fields, config)).toThrow(invalid);
  });

  test("refuses stored tables whose parts contradict each other", () => {
    const invalid = expect.objectContaining({ code: "OPTION_INVALID" });
    const partition = { by: "filters", filters: ["a"] };
    expect(() => table({ partition, filterSubjects: ["b"] })).toThrow(invalid);
    expect(() => table({ partition, ordering: "none" })).toThrow(invalid);
    expect(() => table({ ackPolicy: "all", ordering: "none" })).toThrow(invalid);
    expect(() => table({ onGap: "latest", ordering: "none" })).toThrow(invalid);
  });
});
