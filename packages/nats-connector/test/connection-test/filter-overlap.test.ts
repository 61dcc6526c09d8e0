import { expect, test } from "vitest";
import { checkFilter, subjectsOverlap } from "../../src/connection-test/filter-overlap.js";
import type { StreamInfo } from "../../src/jetstream/api.js";

test.each([
  ["a.b", "a.b", true],
  ["a.*", "*.b", true],
  ["a.>", "a.b.c", true],
  [">", "a", true],
  ["a.>", "a", false],
  ["a.b", "a.b.c", false],
  ["a.*.c", "a.b.d", false],
  ["b.>", "a.>", false],
])("%s and %s", (one, other, expected) => {
  expect([subjectsOverlap(one, other), subjectsOverlap(other, one)]).toEqual([expected, expected]);
});

test("a stream that gets messages from others may hold any subject", () => {
  const info = (config: object): StreamInfo => ({ config: { name: "S", subjects: ["a"], ...config } }) as never;
  expect(() => checkFilter("b", info({}))).toThrow('"b"');
  expect(() => checkFilter("b", info({ sources: [{}] }))).not.toThrow();
  expect(() => checkFilter("b", info({ mirror: {} }))).not.toThrow();
});
