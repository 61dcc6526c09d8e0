import { fc, test } from "@fast-check/vitest";
import type { SplitState } from "@x/connector-api";
import { expect } from "vitest";
import { consumerName, isOutdated } from "../../src/jetstream/consumer-name.js";
import { decodeRecord, encodeRecord, nanosecondsOf, parsePosition } from "../../src/jetstream/position.js";

const seq = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const record = fc.record({
  stream: fc.string(),
  domain: fc.option(fc.string(), { nil: undefined }),
  created: fc.string(),
  split: fc.string(),
  filters: fc.array(fc.string()),
  lastSeq: seq,
  lastTs: fc.option(fc.bigInt({ min: 0n }).map(String), { nil: undefined }),
  scannedSeq: seq,
  consumerSeq: seq,
  epoch: fc.nat(),
  consumer: fc.string(),
  ackMode: fc.constantFrom("none" as const, "all" as const, "explicit" as const),
});

test.prop([record])("a state record comes back from JSON as it was, sequences as decimal strings", (state) => {
  const stored = JSON.parse(JSON.stringify(encodeRecord(state))) as SplitState;
  expect(stored.v).toBe(1);
  expect(stored.lastSeq).toBe(String(state.lastSeq));
  expect(decodeRecord(stored)).toEqual(state);
});

test.prop([seq, seq, fc.bigInt({ min: 0n }).map(String)])("a position is its three numbers", (sseq, dseq, ts) => {
  expect(parsePosition(`${sseq}.${dseq}.${ts}`)).toEqual({ lastSeq: sseq, consumerSeq: dseq, lastTs: ts });
});

test("a foreign record or position is STATE_INVALID", () => {
  const invalid = expect.objectContaining({ code: "STATE_INVALID" });
  expect(() => decodeRecord({ v: 2 })).toThrow(invalid);
  expect(() => decodeRecord({ v: 1, stream: "S" })).toThrow(invalid);
  for (const position of [1, "", "1.2", "a.b.c", null, true]) expect(() => parsePosition(position)).toThrow(invalid);
});

test("times of the server in nanoseconds", () => {
  expect(nanosecondsOf("2026-01-31T08:00:00.123456789Z")).toBe("1769846400123456789");
  expect(nanosecondsOf("2026-01-31T08:00:00.12Z")).toBe("1769846400120000000");
  expect(nanosecondsOf("2026-01-31T08:00:00Z")).toBe("1769846400000000000");
  expect(nanosecondsOf("2026-01-31T10:00:00.5+02:00")).toBe("1769846400500000000");
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
    expect(isOutdated(name, { ...me, instanceId: "q" }, "0", 99)).toBe(false);
    expect(isOutdated(name, { ...me, jobId: "otherjob", epoch: me.epoch + 1 }, "0", 0)).toBe(false);
    expect(isOutdated(name, { ...me, epoch: me.epoch + 1 }, "1", 0)).toBe(false);
  },
);
