import { createCounters, type SourceContext, type SplitState, silentLogger } from "@x/connector-api";
import { describe, expect, test } from "vitest";
import { encodeRecord, noGaps } from "../../src/jetstream/state-record.js";
import { SplitProgress } from "../../src/source/split-progress.js";
import type { JetStreamSourceTable } from "../../src/table-config.js";
import { parseTable } from "../../src/table-config.js";

const table = parseTable({ type: "jetstream-source", stream: "IN" }) as JetStreamSourceTable;

function stateAt(lastSeq: number, scannedSeq = lastSeq): SplitState {
  return encodeRecord({
    stream: "IN",
    domain: undefined,
    created: "2026-01-01T00:00:00Z",
    split: "0",
    cut: "one split",
    filters: [],
    lastSeq,
    lastTs: undefined,
    scannedSeq,
    initialUntil: undefined,
    gaps: noGaps,
    consumerSeq: 0,
    epoch: 1,
    consumer: "c",
    ackMode: "none",
  });
}

function restored(state: SplitState | undefined, committed: string | undefined): SplitProgress {
  const context: SourceContext = {
    identity: { pipeline: "p", jobId: "j", epoch: 2, instanceId: "i" },
    signal: new AbortController().signal,
    drain: new AbortController().signal,
    logger: silentLogger,
    counters: createCounters(),
    assertCurrent: async () => {},
    untilCaughtUp: false,
    restored: state && new Map([["0", state]]),
    committed: committed === undefined ? new Map() : new Map([["0", committed]]),
  };
  const progress = new SplitProgress({ name: "0", cut: "one split", filters: [] }, table);
  progress.restore(context);
  return progress;
}

describe("where a split starts", () => {
  test.each([
    ["behind what the sink has committed, which is ahead of the checkpoint", stateAt(5), "7.3.99", "7.3.99"],
    ["behind what the sink has committed, without a checkpoint", undefined, "7.3.99", "7.3.99"],
    ["at the checkpoint, when the sink keeps nothing", stateAt(5), undefined, "5.0."],
  ])("%s", (_name, state, committed, start) => {
    expect(restored(state, committed).start).toBe(start);
  });

  test("keeps what the checkpoint knows to be for others", () => {
    const progress = restored(stateAt(7, 900), "7.3.99");
    expect(progress.known(undefined)).toMatchObject({ lastSeq: 7, lastTs: "99", cursor: 7, seen: 900, durable: 7 });
  });

  test("is refused when the sink has committed less than the checkpoint says", () => {
    expect(() => restored(stateAt(8), "7.3.99")).toThrow(
      expect.objectContaining({ code: "PROGRESS_MISMATCH", context: { stream: "IN", checkpoint: 8, committed: 7 } }),
    );
  });

  test("is where the first attachment is, on a first start", () => {
    const progress = restored(undefined, undefined);
    expect(() => progress.start).toThrow(/before open/);
    progress.attached({ startAfter: 41, startsOver: true } as never);
    expect(progress.start).toBe("41.0.");
  });
});
