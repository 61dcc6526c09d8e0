import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { consumerName, isOutdated } from "../../src/jetstream/consumer-name.js";
import { nanosecondsOf, parsePosition, timeOf } from "../../src/jetstream/position.js";

const seq = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
test.prop([seq, seq, fc.bigInt({ min: 0n }).map(String)])("a position is its three numbers", (sseq, dseq, ts) => {
  expect(parsePosition(`${sseq}.${dseq}.${ts}`)).toEqual({ lastSeq: sseq, consumerSeq: dseq, lastTs: ts });
});

test("a foreign position is STATE_INVALID", () => {
  const invalid = expect.objectContaining({ code: "STATE_INVALID" });
  for (const position of [1, "", "1.2", "a.b.c", null, true]) expect(() => parsePosition(position)).toThrow(invalid);
});

test("times of the server in nanoseconds", () => {
  expect(nanosecondsOf("2026-01-31T08:00:00.123456789Z")).toBe("1769846400123456789");
  expect(nanosecondsOf("2026-01-31T08:00:00.12Z")).toBe("1769846400120000000");
  expect(nanosecondsOf("2026-01-31T08:00:00Z")).toBe("1769846400000000000");
  expect(nanosecondsOf("2026-01-31T10:00:00.5+02:00")).toBe("1769846400500000000");
});

test.prop([fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n })])("a time goes there and back", (nanoseconds) => {
  expect(nanosecondsOf(timeOf(nanoseconds))).toBe(String(nanoseconds));
});

const identity = fc.record({
  pipeline: fc.string({ maxLength: 400 }),
  jobId: fc.stringMatching(/^[a-z0-9]{8}$/),
  epoch: fc.integer({ min: 1, max: 1e6 }),
  instanceId: fc.stringMatching(/^[a-z0-9-]{1,36}$/),
});

test.prop([identity, fc.nat(100)])(
  "names are short and clean, and only older ones of the same job are outdated",
  (me, rebuild) => {
    const name = consumerName(me, "0", rebuild);
    expect(name).toMatch(/^[A-Za-z0-9_-]{1,255}$/);
    expect(isOutdated(name, me, "0", rebuild)).toBe(false);
    expect(isOutdated(name, me, "0", rebuild + 1)).toBe(true);
    expect(isOutdated(name, { ...me, epoch: me.epoch + 1, instanceId: "other" }, "0", 0)).toBe(true);
    expect(isOutdated(name, { ...me, epoch: me.epoch - 1 }, "0", 99)).toBe(false);
    expect(isOutdated(name, { ...me, instanceId: `x${me.instanceId}` }, "0", 99)).toBe(false);
    expect(isOutdated(name, { ...me, jobId: "otherjob", epoch: me.epoch + 1 }, "0", 0)).toBe(false);
    expect(isOutdated(name, { ...me, epoch: me.epoch + 1 }, "1", 0)).toBe(false);
  },
);
