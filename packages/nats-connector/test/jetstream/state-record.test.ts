import { fc, test } from "@fast-check/vitest";
import type { SplitState } from "@x/connector-api";
import { expect } from "vitest";
import { decodeRecord, encodeRecord } from "../../src/jetstream/state-record.js";

const seq = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const maybeSeq = fc.option(seq, { nil: undefined });
const gap = fc.record({ reason: fc.string(), from: seq, to: seq, at: fc.string() });
const record = fc.record({
  stream: fc.string(),
  domain: fc.option(fc.string(), { nil: undefined }),
  created: fc.string(),
  split: fc.string(),
  filters: fc.array(fc.string()),
  lastSeq: seq,
  lastTs: fc.option(fc.bigInt({ min: 0n }).map(String), { nil: undefined }),
  scannedSeq: seq,
  cut: fc.string(),
  initialUntil: maybeSeq,
  gaps: fc.record({
    count: fc.nat(),
    lost: seq,
    last: fc.option(
      fc.oneof(
        gap,
        gap.map(({ reason, at }) => ({ reason, from: undefined, to: undefined, at })),
      ),
      { nil: undefined },
    ),
  }),
  consumerSeq: seq,
  epoch: fc.nat(),
  consumer: fc.string(),
  ackMode: fc.constantFrom("none" as const, "all" as const, "explicit" as const),
});

test.prop([record])("a state record comes back from JSON as it was, sequences as decimal strings", (state) => {
  const stored = JSON.parse(JSON.stringify(encodeRecord(state))) as SplitState;
  expect(stored.v).toBe(2);
  expect(stored.lastSeq).toBe(String(state.lastSeq));
  expect(decodeRecord(stored)).toEqual(state);
});

/** As the first version wrote it. */
const first = {
  v: 1,
  stream: "ORDERS",
  created: "2026-01-01T00:00:00Z",
  split: "0",
  filters: ["orders.eu"],
  lastSeq: "41",
  lastTs: "1769846400123456789",
  scannedSeq: "50",
  consumerSeq: "7",
  epoch: 3,
  consumer: "c",
  ackMode: "none",
} as const;

test("a record of the first version is read as what it meant", () => {
  expect(decodeRecord(first)).toEqual({
    stream: "ORDERS",
    created: "2026-01-01T00:00:00Z",
    split: "0",
    cut: "one split",
    filters: ["orders.eu"],
    lastSeq: 41,
    lastTs: "1769846400123456789",
    scannedSeq: 50,
    initialUntil: undefined,
    consumerSeq: 7,
    epoch: 3,
    consumer: "c",
    ackMode: "none",
    gaps: { count: 0, lost: 0, last: undefined },
    domain: undefined,
  });
});

test("a record of a later version, or none at all, is STATE_INVALID and says what to do", () => {
  const read = (state: SplitState) => () => decodeRecord(state);
  const invalid = (text: string) =>
    expect.objectContaining({ code: "STATE_INVALID", message: expect.stringContaining(text) });
  expect(read({ v: 3 })).toThrow(invalid("run the version that wrote it"));
  expect(read({ v: 0 })).toThrow(invalid("version 0"));
  expect(read({ v: 1, stream: "S" })).toThrow(invalid("created"));
  expect(read({ ...first, lastSeq: 41 })).toThrow(invalid("lastSeq"));
  expect(read({ ...first, lastSeq: "-1" })).toThrow(invalid("lastSeq"));
  expect(read({ ...first, later: "unknown keys are let through" })).not.toThrow();
});
