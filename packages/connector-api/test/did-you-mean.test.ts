import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { editDistance } from "../src/did-you-mean.js";
import { didYouMean, nearestOf } from "../src/index.js";

const word = fc.string({ maxLength: 12 });

describe("editDistance", () => {
  test.prop([word, word])("is symmetric, zero only for equals, and bounded by the longer text", (a, b) => {
    const distance = editDistance(a, b);
    expect(distance).toBe(editDistance(b, a));
    expect(distance === 0).toBe(a === b);
    expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
  });
});

describe("nearestOf", () => {
  it.each([
    ["strem", "stream"],
    ["sbuject", "subject"],
    ["Ack-Policy", "consumer.ack_policy"],
    ["consumer.ack_polcy", "consumer.ack_policy"],
  ])("of %j is %j", (written, meant) => {
    expect(nearestOf(written, ["subject", "stream", "consumer.ack_policy", "type"])).toBe(meant);
  });

  it("measures nothing that is too long to be meant", () => {
    const candidates = Array.from({ length: 2000 }, (_, i) => `consumer.option_${i}`);
    expect(nearestOf("a".repeat(1_000_000), candidates)).toBeUndefined();
  });

  it("is nothing when nothing is near", () => {
    expect(nearestOf("colour", ["stream", "subject"])).toBeUndefined();
    expect(didYouMean("colour", ["stream"])).toBe("");
    expect(didYouMean("strem", ["stream"])).toBe('; did you mean "stream"?');
  });
});
